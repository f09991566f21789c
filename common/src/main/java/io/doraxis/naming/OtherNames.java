package io.doraxis.naming;

import io.doraxis.naming.BaseNames.Found;
import io.doraxis.naming.BaseNames.Placed;
import io.doraxis.naming.BaseNames.Rows;
import io.doraxis.naming.BaseNames.Stacked;
import io.doraxis.tensorfile.Shape;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where modules lie in a base model that calls them otherwise: diffusers' names in a model under its first code's names
 * and the reverse, transformers' CLIP names in open_clip's text encoders. One side may fuse what the other splits.
 */
final class OtherNames {
    /** A module under the name that the base does not use. */
    record Other(Component component, String path, Placed place) {}

    /** Its scale and shift halves are swapped between the namings: no row of one is the same row of the other. */
    private static final String SWAPPED_HALVES = "final_layer.adaLN_modulation.1";

    private static final String IN_PROJ = ".attn.in_proj_weight";
    private static final Pattern OPEN_CLIP_BLOCK = Pattern.compile("(?:.*\\.)?transformer\\.resblocks\\.(\\d+)\\.(.+)");

    /** open_clip's layers of a block, and transformers'. */
    private static final Map<String, String> OPEN_CLIP = Map.of(
            "attn.out_proj", "self_attn_out_proj",
            "mlp.c_fc", "mlp_fc1",
            "mlp.c_proj", "mlp_fc2",
            "ln_1", "layer_norm1",
            "ln_2", "layer_norm2");

    private final List<Other> others = new ArrayList<>();

    private OtherNames() {}

    /** Whether the tensor holds weights of several layers without being called a weight. */
    static boolean isFused(String tensor) {
        return tensor.endsWith(IN_PROJ);
    }

    /** All modules of the base under their other names. */
    static List<Other> of(List<BaseWeight> weights) {
        OtherNames names = new OtherNames();
        weights.forEach(names::addTextEncoder);
        names.addDenoiser(weights);
        return names.others;
    }

    private void addTextEncoder(BaseWeight weight) {
        String module = weight.module();
        Matcher block = OPEN_CLIP_BLOCK.matcher(module);
        if (module.contains("visual.") || !block.matches()) {
            return;
        }
        Component component = ModulePath.of(module).component();
        String layer = "text_model_encoder_layers_" + block.group(1) + "_";
        if (isFused(module)) {
            long rows = weight.shape().dimOrOne(0) / 3;
            String[] parts = {"q", "k", "v"};
            for (int i = 0; i < parts.length; i++) {
                String path = layer + "self_attn_" + parts[i] + "_proj";
                others.add(new Other(component, path, new Rows(weight, i * rows, rows)));
            }
        } else if (OPEN_CLIP.containsKey(block.group(2))) {
            others.add(new Other(component, layer + OPEN_CLIP.get(block.group(2)), new Found(weight)));
        }
    }

    private void addDenoiser(List<BaseWeight> weights) {
        List<BaseWeight> named = weights.stream()
                .filter(weight -> ModulePath.of(weight.module()).component() == Component.DENOISER)
                .toList();
        List<BaseWeight> layers = named.isEmpty() ? weights : named;
        Families.match(layers)
                .filter(match -> match.families().size() == 1)
                .ifPresent(
                        match -> addDenoiser(layers, match.families().iterator().next()));
    }

    private void addDenoiser(List<BaseWeight> layers, ModelFamily family) {
        Map<String, BaseWeight> byPath = new HashMap<>();
        for (BaseWeight weight : layers) {
            byPath.put(ModulePath.of(weight.module()).path(), weight);
        }
        Map<String, Shape> modules = FamilyModules.all().get(family);
        OriginalNames.parts(family, modules).forEach((original, parts) -> {
            if (original.equals(SWAPPED_HALVES)) {
                return;
            }
            BaseWeight whole = byPath.get(flat(original));
            if (whole != null) {
                addParts(whole, parts, modules);
            } else if (parts.stream().allMatch(part -> byPath.containsKey(flat(part)))) {
                List<BaseWeight> found =
                        parts.stream().map(part -> byPath.get(flat(part))).toList();
                add(original, found.size() == 1 ? new Found(found.get(0)) : new Stacked(found));
            }
        });
    }

    /** The parts of one weight of the base, from its first row to its last. */
    private void addParts(BaseWeight whole, List<String> parts, Map<String, Shape> modules) {
        if (parts.size() == 1) {
            add(parts.get(0), new Found(whole));
            return;
        }
        long rows = parts.stream().mapToLong(part -> modules.get(part).dim(0)).sum();
        if (whole.shape().dimOrOne(0) != rows) {
            return;
        }
        long first = 0;
        for (String part : parts) {
            add(part, new Rows(whole, first, modules.get(part).dim(0)));
            first += modules.get(part).dim(0);
        }
    }

    private void add(String module, Placed place) {
        others.add(new Other(Component.DENOISER, flat(module), place));
    }

    private static String flat(String module) {
        return module.replace('.', '_');
    }
}

package io.doraxis.peft;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.peft.ExportPlan.Refusal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * Adapters of PEFT's as the one file that diffusers (0.42.1) loads: the components stand before the paths, and the header
 * holds their configurations, without which it takes every alpha for the rank.
 */
final class DiffusersFile {
    private static final String FILE = "pytorch_lora_weights.safetensors";
    private static final String METADATA = "lora_adapter_metadata";
    private static final String DENOISER = "unet";

    private static final List<String> LOADING = List.of("pipeline.load_lora_weights(file)");

    /** Layers of a UNet as diffusers calls them. */
    private static final Pattern UNET = Pattern.compile(
            "(down_blocks|mid_block|up_blocks|conv_in|conv_out|time_embedding|add_embedding|class_embedding)\\b.*");

    /** Layers of the programs that models came from, which diffusers calls otherwise. */
    private static final Pattern ORIGINAL =
            Pattern.compile("(input_blocks|middle_block|output_blocks|double_blocks|single_blocks|joint_blocks)\\b.*");

    private DiffusersFile() {}

    /** The same plan as one file; refused where diffusers has no such thing. */
    static ExportPlan of(ExportPlan plan) {
        Map<String, Object> fields = new TreeMap<>();
        List<PeftModule> modules = new ArrayList<>();
        for (PeftAdapter adapter : plan.adapters()) {
            String objection = objection(adapter);
            if (objection != null) {
                return ExportPlan.refused(plan.outcome(), Refusal.NOT_EXPRESSIBLE, objection, plan.unmatched());
            }
            String component = component(adapter);
            AdapterConfigJson.loraFields(adapter).forEach((name, value) -> fields.put(component + '.' + name, value));
            adapter.modules().forEach(module -> modules.add(renamed(module, component)));
        }
        Map<String, String> metadata = Map.of(METADATA, AdapterConfigJson.text(fields));
        SingleFile file = new SingleFile(FILE, "diffusers' layout", "diffusers", modules, metadata, LOADING);
        return new ExportPlan(
                plan.outcome(),
                plan.reason() + ", in one file of diffusers'",
                null,
                List.of(),
                plan.done(),
                plan.directions(),
                plan.merge(),
                plan.unmatched(),
                file,
                plan.lossy());
    }

    private static String objection(PeftAdapter adapter) {
        if (adapter.type() != PeftType.LORA || adapter.folder().indexOf('/') >= 0) {
            return "diffusers loads LoRA with or without DoRA, and this is " + adapter.type() + " in "
                    + adapter.folder();
        }
        if (!adapter.saved().isEmpty()) {
            return "diffusers loads no whole layers, such as "
                    + adapter.saved().get(0).path();
        }
        return adapter.modules().stream()
                .filter(module -> ORIGINAL.matcher(module.path()).matches())
                .findFirst()
                .map(module -> module.path() + " is not diffusers' name: give the base model in diffusers' files")
                .orElse(null);
    }

    /** What names no component is a text encoder by its layers, or a UNet; a denoiser without a UNet's layer is a transformer. */
    private static String component(PeftAdapter adapter) {
        List<String> paths = adapter.modules().stream().map(PeftModule::path).toList();
        if (!adapter.folder().equals(DENOISER)
                || paths.stream().anyMatch(path -> UNET.matcher(path).matches())) {
            return adapter.folder();
        }
        return paths.stream().allMatch(LycorisPlanner::isOfTextEncoder) ? "text_encoder" : "transformer";
    }

    private static PeftModule renamed(PeftModule module, String component) {
        List<PeftTensor> tensors = module.tensors().stream()
                .map(tensor -> new PeftTensor(
                        component + '.' + AdapterIndex.peftPath(tensor.name()), tensor.shape(), tensor.source()))
                .toList();
        return new PeftModule(module.source(), module.path(), module.rank(), module.alpha(), tensors);
    }
}

package io.doraxis.adapter;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** Whose naming an adapter follows: from its modules' names and suffixes, refined by its metadata. */
public final class DialectClassifier {
    private static final List<String> COMFYUI_PREFIXES = List.of(
            "diffusion_model.", "model.diffusion_model.", "text_encoders.", "clip_l.", "clip_g.", "t5xxl.", "t5.");
    private static final List<String> BFL_PREFIXES = List.of("double_blocks.", "single_blocks.");

    private DialectClassifier() {}

    /** The dialect that the modules share; MIXED when they do not. An adapter has at least one module. */
    public static Dialect classify(AdapterIndex adapter) {
        Set<Dialect> found = EnumSet.noneOf(Dialect.class);
        for (AdapterModule module : adapter.modules()) {
            found.add(ofModule(module));
        }
        if (found.size() > 1 && adapter.modules().stream().anyMatch(DialectClassifier::isBflControl)) {
            return Dialect.BFL_CONTROL;
        }
        if (found.contains(Dialect.ONETRAINER)) {
            found.remove(Dialect.KOHYA); // OneTrainer's text encoders: lora_te1_, as sd-scripts names them
        }
        return found.size() == 1 ? refined(found.iterator().next(), adapter.claims()) : Dialect.MIXED;
    }

    /** Programs that write another's form leave their mark in the metadata. */
    private static Dialect refined(Dialect dialect, MetadataClaims claims) {
        boolean oneTrainer =
                claims.get("ot_revision").isPresent() || claims.get("ot_branch").isPresent();
        if (oneTrainer && dialect != Dialect.PEFT) {
            return Dialect.ONETRAINER;
        }
        boolean aiToolkit = claims.get("software.name").orElse("").contains("ai-toolkit");
        return aiToolkit ? Dialect.AI_TOOLKIT : dialect;
    }

    private static Dialect ofModule(AdapterModule module) {
        String name = module.name();
        switch (module.tensors().spelling()) {
            case CLONEOFSIMO -> {
                return Dialect.CLONEOFSIMO;
            }
            case XLABS -> {
                return Dialect.XLABS;
            }
            case DIFFUSERS_LEGACY -> {
                return Dialect.DIFFUSERS_LEGACY;
            }
            default -> {}
        }
        if (module.tensors().has(Role.NVLABS_MAGNITUDE)) {
            return Dialect.NVLABS;
        }
        if (module.tensors().has(Role.AI_TOOLKIT_MAGNITUDE)) {
            return Dialect.AI_TOOLKIT;
        }
        if (name.startsWith(AdapterIndex.PEFT_PREFIX)) {
            return Dialect.PEFT;
        }
        if (name.indexOf('.') < 0) {
            return flattened(name);
        }
        return startsWithAny(name, COMFYUI_PREFIXES) ? Dialect.COMFYUI : dotted(module);
    }

    private static Dialect flattened(String name) {
        if (name.startsWith("lycoris_")) {
            return Dialect.LYCORIS;
        }
        boolean oneTrainer = name.startsWith("lora_transformer_") || name.startsWith("lora_prior_");
        return oneTrainer ? Dialect.ONETRAINER : Dialect.KOHYA;
    }

    private static Dialect dotted(AdapterModule module) {
        return isBflControl(module) ? Dialect.BFL_CONTROL : Dialect.DIFFUSERS;
    }

    private static boolean isBflControl(AdapterModule module) {
        return module.tensors().has(Role.UP_BIAS) && startsWithAny(module.name(), BFL_PREFIXES);
    }

    private static boolean startsWithAny(String name, List<String> prefixes) {
        for (String prefix : prefixes) {
            if (name.startsWith(prefix)) {
                return true;
            }
        }
        return false;
    }
}

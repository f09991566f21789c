package io.doraxis.consumer;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Algorithm;
import io.doraxis.adapter.LayerKind;
import io.doraxis.adapter.ModuleTensors;
import io.doraxis.adapter.Role;
import io.doraxis.dora.ModuleAxis;
import java.util.HashMap;
import java.util.Map;

/** The facts of a file's modules, as bits: computed for every module of a hub, so nothing is allocated for them. */
final class ModuleFacts {
    private static final Fact[] OF_ALGORITHM = new Fact[Algorithm.values().length];

    static {
        for (Algorithm algorithm : Algorithm.values()) {
            OF_ALGORITHM[algorithm.ordinal()] = Fact.valueOf(algorithm.name());
        }
    }

    private final Map<LycorisLokr, LycorisReload> lokr = new HashMap<>();

    /** @param resolved the module's axis with the checkpoint's evidence */
    long of(AdapterModule module, ModuleAxis resolved) {
        long facts = names(module.name()) | keys(module.tensors()) | layer(module) | alpha(module);
        if (module.isComplete()) {
            facts |= OF_ALGORITHM[module.algorithm().ordinal()].bit() | reload(module);
        } else {
            facts |= Fact.INCOMPLETE.bit();
        }
        return module.hasDora() ? facts | MagnitudeFacts.of(module, resolved) : facts;
    }

    private static long names(String name) {
        if (name.startsWith("l")) { // most of them: spared the other comparisons
            boolean lycoris = name.startsWith("lycoris_");
            boolean kohya = name.startsWith("lora_unet_") || name.startsWith("lora_te");
            boolean flattened = (lycoris || kohya) && name.indexOf('.') < 0;
            return Fact.LYCORIS_PREFIX.when(lycoris && flattened)
                    | Fact.KOHYA_PREFIX.when(kohya && flattened)
                    | Fact.UNET_NAMES.when(kohya && flattened && isInUnet(name));
        }
        return Fact.PEFT_PREFIX.when(name.startsWith(AdapterIndex.PEFT_PREFIX))
                | Fact.COMFYUI_PREFIX.when(name.startsWith("diffusion_model.") || name.startsWith("text_encoders."))
                | Fact.DIFFUSERS_PREFIX.when(isComponent(name));
    }

    private static boolean isInUnet(String name) {
        int at = "lora_unet_".length();
        return name.startsWith("lora_unet_")
                && (name.startsWith("down_blocks_", at)
                        || name.startsWith("up_blocks_", at)
                        || name.startsWith("mid_block_", at)
                        || name.startsWith("conv_in", at)
                        || name.startsWith("conv_out", at)
                        || name.startsWith("time_embedding_linear_", at));
    }

    private static boolean isComponent(String name) {
        return name.startsWith("unet.")
                || name.startsWith("transformer.")
                || name.startsWith("text_encoder.")
                || name.startsWith("text_encoder_2.")
                || name.startsWith("text_encoder_3.");
    }

    private static long keys(ModuleTensors t) {
        boolean up = endsWith(t, Role.UP, ".lora_up.weight");
        boolean downUp = up && endsWith(t, Role.DOWN, ".lora_down.weight");
        boolean ab = !up && endsWith(t, Role.UP, ".lora_B.weight") && endsWith(t, Role.DOWN, ".lora_A.weight");
        boolean detected = up
                || t.hasAny(Role.HADA_W1_A, Role.IA3_ON_INPUT, Role.LOKR_W1, Role.LOKR_W1_A, Role.DIFF)
                || t.hasAny(Role.W_NORM, Role.OFT_BLOCKS, Role.GLORA_A1, Role.TLORA_LAMBDA);
        return Fact.LORA_DOWN_UP.when(downUp)
                | Fact.LORA_A_B.when(ab)
                | Fact.LYCORIS_KEYED.when(detected)
                | Fact.TUCKER.when(t.hasAny(Role.MID, Role.HADA_T1, Role.LOKR_T2))
                | Fact.UP_BIAS.when(t.has(Role.UP_BIAS))
                | Fact.SCALAR.when(t.has(Role.SCALAR));
    }

    private static boolean endsWith(ModuleTensors tensors, Role role, String suffix) {
        return tensors.has(role) && tensors.get(role).name().endsWith(suffix);
    }

    private static long layer(AdapterModule module) {
        int kernel = module.kernel().rank();
        return Fact.LINEAR.when(module.layerKind() == LayerKind.LINEAR)
                | Fact.CONV.when(module.layerKind() == LayerKind.CONV)
                | Fact.EMBEDDING.when(module.layerKind() == LayerKind.EMBEDDING)
                | Fact.KERNEL_NOT_2D.when(kernel != 0 && kernel != 2)
                | Fact.SQUARE.when(!module.flattened() && module.in() == module.out() && module.in() > 0)
                | Fact.IN_IS_ONE.when(module.in() == 1)
                | Fact.OUT_IS_ONE.when(module.out() == 1);
    }

    private static long alpha(AdapterModule module) {
        ModuleTensors t = module.tensors();
        boolean scaled = module.isComplete()
                && switch (module.algorithm()) {
                    case LORA, LOHA, LOKR, GLORA -> true;
                    case FULL, NORM, IA3, OFT, BOFT, TLORA -> false;
                };
        return Fact.ALPHA.when(t.has(Role.ALPHA) && t.shape(Role.ALPHA).elements() == 1)
                | Fact.ALPHA_IS_RANK.when(scaled && module.scale() != null && module.scale() == 1)
                | Fact.ALPHA_UNREAD.when(scaled && module.scale() == null)
                | Fact.ALPHA_ZERO.when(scaled && module.alpha() != null && module.alpha() == 0);
    }

    private long reload(AdapterModule module) {
        return switch (LycorisReload.of(module, lokr)) {
            case LOADS -> 0;
            case RAISES -> Fact.LYCORIS_RELOAD_RAISES.bit();
            case BROADCASTS -> Fact.LYCORIS_RELOAD_BROADCASTS.bit();
            case OPEN -> Fact.LYCORIS_RELOAD_OPEN.bit();
        };
    }
}

package io.doraxis.peft;

import static io.doraxis.peft.ExportOutcome.EXACT;
import static io.doraxis.peft.ExportOutcome.EXACT_WITH_BASE;
import static io.doraxis.peft.ExportOutcome.IMPOSSIBLE;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.LayerKind;
import io.doraxis.adapter.Role;
import io.doraxis.dora.ModuleAxis;

/** What a module is in PEFT's terms, by its header alone. */
enum Treatment {
    /** A product of factors. */
    PRODUCT(EXACT, ""),
    /** The same with a magnitude of each output, as PEFT's DoRA has it. */
    OUTPUT_DORA(EXACT, ""),
    INPUT_DORA(EXACT_WITH_BASE, "DoRA on the input axis, PEFT has it on the output axis only"),
    IA3(EXACT_WITH_BASE, "IA3 of LyCORIS, which is PEFT's on inputs, and on outputs of layers without a bias"),
    BIAS(EXACT_WITH_BASE, "it changes a bias: exact as the merged weights of its layer"),
    GROUPED(
            EXACT_WITH_BASE,
            "it is a grouped convolution or may be one, whose factors PEFT shapes otherwise: exact as the merged weights"
                    + " of its layer"),
    OTHER_ALGORITHM(EXACT_WITH_BASE, "PEFT has no such factors: exact as the merged weights of its layer"),
    AMBIGUOUS(IMPOSSIBLE, "the magnitude fits both axes: --assume-axis input or output decides"),
    MISFIT(IMPOSSIBLE, "the magnitude fits neither axis"),
    NO_SCALE(IMPOSSIBLE, "its alpha is no number, or not known"),
    UNKNOWN_FACTORS(IMPOSSIBLE, "it has factors that no known version of LyCORIS writes"),
    TWO_MAGNITUDES(IMPOSSIBLE, "it has magnitudes under two names"),
    TLORA(IMPOSSIBLE, "T-LoRA's initial product is not in the file"),
    INCOMPLETE(IMPOSSIBLE, "factors are missing");

    private final ExportOutcome outcome;
    private final String reason;

    Treatment(ExportOutcome outcome, String reason) {
        this.outcome = outcome;
        this.reason = reason;
    }

    /** The best that such a module can be. */
    ExportOutcome outcome() {
        return outcome;
    }

    /** Why not better. */
    String reason() {
        return reason;
    }

    /** Whether it is a product of factors, with a magnitude or without one. */
    boolean isProduct() {
        return this == PRODUCT || this == OUTPUT_DORA || this == INPUT_DORA;
    }

    /**
     * Judges a module.
     *
     * @param axis of its magnitude as far as it is decided; not used without one
     */
    static Treatment of(AdapterModule module, ModuleAxis axis) {
        if (!module.isComplete()) {
            return INCOMPLETE;
        }
        return switch (module.algorithm()) {
            case LORA, LOHA, LOKR -> ofProduct(module, axis);
            case IA3 -> IA3;
            case GLORA ->
                module.tensors().has(Role.GLORA_BM) ? UNKNOWN_FACTORS : isScaled(module) ? OTHER_ALGORITHM : NO_SCALE;
            case FULL, NORM, OFT, BOFT -> OTHER_ALGORITHM;
            case TLORA -> TLORA;
        };
    }

    private static Treatment ofProduct(AdapterModule module, ModuleAxis axis) {
        if (module.tensors().hasAny(Role.SCALAR, Role.LOKR_T1)) {
            return UNKNOWN_FACTORS;
        }
        if (module.tensors().hasTwoMagnitudes()) {
            return TWO_MAGNITUDES;
        }
        if (!isScaled(module)) {
            return NO_SCALE;
        }
        if (module.hasDora() && axis == ModuleAxis.AMBIGUOUS) {
            return AMBIGUOUS;
        }
        if (module.hasDora() && axis != ModuleAxis.INPUT && axis != ModuleAxis.OUTPUT) {
            return MISFIT;
        }
        if (module.tensors().hasAny(Role.UP_BIAS, Role.DIFF_BIAS)) {
            return BIAS;
        }
        if (module.layerKind() == LayerKind.CONV && module.in() == 1 && module.out() > 1) {
            return GROUPED;
        }
        if (!module.hasDora()) {
            return PRODUCT;
        }
        return axis == ModuleAxis.INPUT ? INPUT_DORA : OUTPUT_DORA;
    }

    /** Whether its scale is known, or is in the file where a header does not show it. */
    private static boolean isScaled(AdapterModule module) {
        return module.scale() != null
                || module.alpha() == null && module.tensors().has(Role.ALPHA);
    }
}

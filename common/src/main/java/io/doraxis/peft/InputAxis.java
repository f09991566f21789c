package io.doraxis.peft;

import java.util.Locale;

/** What becomes of DoRA on the input axis, which PEFT's own DoRA has not. */
public enum InputAxis {
    /** It is not exported. */
    REFUSE,
    /** The smallest of the exact forms. */
    AUTO,
    /** One GLoRA adapter of the linear layers. */
    GLORA,
    /** The factors as they are, and IA3 on what they are merged into. */
    IA3_LORA,
    /** The merged weights of the layers. */
    FULL_WEIGHTS,
    /** Factors of the change that the layers see: only nearly the same. */
    LOW_RANK;

    /** As the command line calls it. */
    public String option() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}

package io.doraxis.peft;

/** A form of PEFT's that a merged weight nearly has, the cheapest first. Stored in tables: never renamed. */
public enum LossyForm {
    /** The adapter's own factors, with a magnitude per output fitted to the merged weight. */
    REFITTED_MAGNITUDE,
    /** New factors and a magnitude per output. */
    DORA,
    /** New factors without a magnitude. */
    LORA
}

package io.doraxis.peft;

/** How an adapter can be had in PEFT's layout. Stored in tables: never renamed. */
public enum ExportOutcome {
    /** As an adapter of the same weights. */
    EXACT,
    /** The same, with the base model's weights at hand. */
    EXACT_WITH_BASE,
    /** Only nearly. */
    LOSSY,
    /** Not at all. */
    IMPOSSIBLE,
    /** It is in that layout. */
    NOT_NEEDED
}

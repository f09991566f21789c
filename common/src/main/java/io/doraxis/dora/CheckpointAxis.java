package io.doraxis.dora;

/** What a checkpoint's modules prove together. Stored in the audit table: never renamed. */
public enum CheckpointAxis {
    INPUT,
    OUTPUT,
    /** Some modules prove one axis, some the other. */
    MIXED,
    /** There are magnitudes, and no module proves an axis. */
    AMBIGUOUS,
    /** No DoRA. */
    NONE
}

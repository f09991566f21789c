package io.doraxis.adapter;

/** What the shapes say about the adapted layer. Stored in the audit table: never renamed. */
public enum LayerKind {
    LINEAR,
    CONV,
    EMBEDDING,
    NORM,
    /** Flattened factors of LoHa and LoKr do not show whether a kernel is folded into them. */
    UNKNOWN
}

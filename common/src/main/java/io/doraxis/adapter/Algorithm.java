package io.doraxis.adapter;

/** How an adapter builds its delta weight. Stored in the audit table: never renamed. */
public enum Algorithm {
    /** LoRA and LoCon: B·A, with a Tucker core or without; also what a DyLoRA file holds. */
    LORA,
    /** Hadamard product of two low-rank products. */
    LOHA,
    /** Kronecker product of two factors. */
    LOKR,
    /** The difference itself. */
    FULL,
    /** Differences of a normalisation layer. */
    NORM,
    /** W0·A + B with low-rank A and B. */
    GLORA,
    /** Scaling vectors. */
    IA3,
    /** Block-diagonal rotation (Diag-OFT, PEFT's OFT). */
    OFT,
    /** Butterfly rotation. */
    BOFT,
    /** T-LoRA: an SVD-initialised product whose initial value is not in the file. */
    TLORA
}

package io.doraxis.adapter;

/** What a tensor is within its module, whatever the dialect calls it. */
public enum Role {
    /** lora_down, lora_A: [rank, in, kernel...]. */
    DOWN,
    /** lora_up, lora_B: [out, rank, 1...]. */
    UP,
    /** Tucker core of LoCon: [rank, rank, kernel...]. */
    MID,
    UP_BIAS,
    /** lora_embedding_A: [rank, vocabulary]. */
    EMBEDDING_DOWN,
    /** lora_embedding_B: [dimension, rank]. */
    EMBEDDING_UP,
    /** Scalar; divided by the rank it scales the product, but for OFT and BOFT, where it is the constraint. */
    ALPHA,
    DORA_SCALE,
    LORA_MAGNITUDE_VECTOR,
    AI_TOOLKIT_MAGNITUDE,
    NVLABS_MAGNITUDE,
    HADA_W1_A,
    HADA_W1_B,
    HADA_W2_A,
    HADA_W2_B,
    HADA_T1,
    HADA_T2,
    LOKR_W1,
    LOKR_W1_A,
    LOKR_W1_B,
    LOKR_W2,
    LOKR_W2_A,
    LOKR_W2_B,
    LOKR_T1,
    LOKR_T2,
    DIFF,
    DIFF_BIAS,
    W_NORM,
    B_NORM,
    GLORA_A1,
    GLORA_A2,
    GLORA_B1,
    GLORA_B2,
    GLORA_BM,
    /** IA3's vector in LyCORIS files; a plain weight elsewhere. */
    WEIGHT,
    BIAS,
    IA3_ON_INPUT,
    IA3_VECTOR,
    OFT_BLOCKS,
    OFT_RESCALE,
    PEFT_OFT_R,
    PEFT_BOFT_R,
    PEFT_BOFT_S,
    TLORA_Q,
    TLORA_P,
    TLORA_LAMBDA,
    SCALAR,
    /** A bias that PEFT stores beside its factors. */
    BASE_BIAS;

    /** This role in a set of them; there are fewer than 64. */
    long bit() {
        return 1L << ordinal();
    }
}

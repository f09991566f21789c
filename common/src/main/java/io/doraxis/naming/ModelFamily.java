package io.doraxis.naming;

/**
 * Base models whose modules are known by name and shape. Fine-tunes of one share its family, and so do models that
 * differ in values only: FLUX1 is dev and schnell, SDXL also Pony and Illustrious. Stored in the audit table: never
 * renamed.
 */
public enum ModelFamily {
    SD15,
    SD21,
    SDXL,
    SD3_MEDIUM,
    FLUX1,
    PIXART_SIGMA,
    WAN21_1_3B,
    WAN21_14B,
    HUNYUAN_VIDEO,
    QWEN_IMAGE,
    LUMINA2,
    LLAMA3_8B,
    CLIP_L,
    CLIP_G,
    CLIP_H,
    T5_XXL
}

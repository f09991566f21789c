package io.doraxis.adapter;

/** Whose way of naming tensors a file follows. Stored in the audit table: never renamed. */
public enum Dialect {
    /** {@code lora_unet_...}, {@code lora_te_...}: sd-scripts, LyCORIS trained with it, and OneTrainer's LEGACY form. */
    KOHYA,
    /** {@code lycoris_...}: LyCORIS' own wrapper. */
    LYCORIS,
    /** {@code lora_transformer_...}, or other forms with OneTrainer's metadata. */
    ONETRAINER,
    /** {@code base_model.model.....lora_A.weight}. */
    PEFT,
    /** {@code unet.}, {@code transformer.}, {@code text_encoder.} or no prefix, with {@code lora_A} and {@code lora_B}. */
    DIFFUSERS,
    /** {@code ....processor.to_q_lora.down.weight}, {@code ....to_q.lora.down.weight}, {@code lora_linear_layer}. */
    DIFFUSERS_LEGACY,
    /** {@code diffusion_model.} and other prefixes of ComfyUI with original module names. */
    COMFYUI,
    /** ai-toolkit: {@code .magnitude}, or its metadata. */
    AI_TOOLKIT,
    /** {@code double_blocks.N.processor.qkv_lora1.down.weight}. */
    XLABS,
    /** {@code unet:12:up}: an index in place of the module's name. */
    CLONEOFSIMO,
    /** Control LoRAs of Black Forest Labs: original names without prefix, biases in lora_B. */
    BFL_CONTROL,
    /** NVlabs' reference code: {@code weight_m_wdecomp}. */
    NVLABS,
    /** Module names of more than one kind. */
    MIXED
}

package io.doraxis.consumer;

/**
 * What rules can ask of a module, or of the file that it stands in: a fact of the file holds for each of its modules.
 * The names are those of the rules file, and stored in the audit table: a fact that comes to mean something else gets another.
 */
enum Fact {
    LORA,
    LOHA,
    LOKR,
    FULL,
    NORM,
    GLORA,
    IA3,
    OFT,
    BOFT,
    TLORA,
    /** Factors are missing. */
    INCOMPLETE,

    /** {@code lycoris_...}, with no dot in it. */
    LYCORIS_PREFIX,
    /** {@code lora_unet_...} or {@code lora_te...}, with no dot in it. */
    KOHYA_PREFIX,
    /** {@code diffusion_model.} or {@code text_encoders.}. */
    COMFYUI_PREFIX,
    /** {@code unet.}, {@code transformer.} or {@code text_encoder...}. */
    DIFFUSERS_PREFIX,
    PEFT_PREFIX,
    /** A flattened name of a layer of Stable Diffusion's UNet, as diffusers calls it. */
    UNET_NAMES,

    /** lora_down.weight and lora_up.weight. */
    LORA_DOWN_UP,
    /** lora_A.weight and lora_B.weight, without the name of an adapter. */
    LORA_A_B,
    /** It has the key by which LyCORIS tells the algorithm ({@code weight_list_det}). */
    LYCORIS_KEYED,

    TUCKER,
    /** A convolution's kernel that is known and has one or three dimensions. */
    KERNEL_NOT_2D,
    LINEAR,
    CONV,
    EMBEDDING,
    SQUARE,
    IN_IS_ONE,
    OUT_IS_ONE,

    /** LyCORIS builds buffers for other shapes out of these factors, and copying into them raises. */
    LYCORIS_RELOAD_RAISES,
    /** The same, and the copy broadcasts. */
    LYCORIS_RELOAD_BROADCASTS,
    /** Flattened factors leave open which. */
    LYCORIS_RELOAD_OPEN,

    DORA,
    DORA_SCALE,
    LORA_MAGNITUDE_VECTOR,
    /** The magnitude has the weight's rank and one value per output: [out, 1...]. */
    MAGNITUDE_COLUMN,
    /** The magnitude has at least two dimensions, of which the first is 1 and the second is not. */
    MAGNITUDE_ROW,
    /** One dimension. */
    MAGNITUDE_FLAT,
    /** One element. */
    MAGNITUDE_SINGLE,
    /** [out], or [1, out, 1...] on a convolution. */
    MAGNITUDE_FITS_PEFT,
    INVALID_MAGNITUDE,
    /** The axis with the rest of the checkpoint's evidence. */
    RESOLVED_INPUT,
    RESOLVED_OUTPUT,
    RESOLVED_AMBIGUOUS,

    ALPHA,
    /** The scale is 1. */
    ALPHA_IS_RANK,
    /** The product's scale is not known, or the configuration has keys for which PEFT may raise. */
    ALPHA_UNREAD,
    ALPHA_ZERO,
    UP_BIAS,
    /** A scalar that LyCORIS folds into the factors when it saves. */
    SCALAR,

    /** There is an adapter_config.json, and it was read. */
    PEFT_CONFIG,
    PEFT_TYPE_UNKNOWN,
    /** A type of PEFT's that this package has no keys of; without PEFT_CONFIG the store did not give the file. */
    PEFT_TYPE_UNREAD,
    USE_DORA,
    /** PEFT raises for a field of the configuration, or, where there is no PEFT_CONFIG, cannot read it at all. */
    PEFT_CONFIG_INVALID,
    /** PEFT changes the base weights when it loads the adapter, or adapts behind some tokens only. */
    MORE_THAN_FACTORS,
    /** It changes them by numbers that it draws, or in another way than when the adapter was made. */
    BASE_CHANGED_ANEW,
    /** Which modules the configuration names is not known: it names none, or by an expression that is not told. */
    TARGETS_UNTOLD,
    /** The configuration names other modules, or leaves this one out. */
    UNTARGETED,
    /** The module's keys are not those of the configuration's peft_type. */
    OTHER_PEFT_TYPE,
    /** The tensors' rank is not the configuration's. */
    RANK_MISMATCH,

    /** A key of the file that belongs to no module has no dot. */
    UNDOTTED_KEY,
    /** Some product modules of the file have a magnitude, some do not. */
    MAGNITUDES_MISSING,
    LEGACY_SIGNED_MEAN,
    /** diffusers' {@code lora_adapter_metadata} in the header. */
    DIFFUSERS_METADATA;

    long bit() {
        return 1L << ordinal();
    }

    /** The bit if it holds. */
    long when(boolean holds) {
        return holds ? bit() : 0;
    }
}

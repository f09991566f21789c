package io.doraxis.peft;

/** Whose names the layers of CLIP's text encoders have in an export. */
public enum TransformersNaming {
    /** The base model's. */
    OF_BASE,
    /** transformers 4: all below {@code text_model}. */
    V4,
    /** transformers 5: without it in a {@code CLIPTextModel}, with it in a {@code CLIPTextModelWithProjection}. */
    V5
}

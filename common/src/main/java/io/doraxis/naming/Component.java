package io.doraxis.naming;

/** Which part of a pipeline a module's name points at. */
public enum Component {
    /** The UNet or transformer that denoises. */
    DENOISER,
    /** The only text encoder, or the first. */
    TEXT_ENCODER,
    TEXT_ENCODER_2,
    TEXT_ENCODER_3,
    /** The name does not say. */
    ANY;

    /** Whether names of both can mean the same part. */
    boolean agrees(Component other) {
        return this == other || this == ANY || other == ANY;
    }
}

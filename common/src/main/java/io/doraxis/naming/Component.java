package io.doraxis.naming;

import java.util.Optional;
import java.util.stream.Stream;

/** Which part of a pipeline a module's name points at. */
public enum Component {
    /** The UNet or transformer that denoises. */
    DENOISER("unet"),
    /** The only text encoder, or the first. */
    TEXT_ENCODER("text_encoder"),
    TEXT_ENCODER_2("text_encoder_2"),
    TEXT_ENCODER_3("text_encoder_3"),
    /** The name does not say. */
    ANY("unet");

    /** What diffusers calls a transformer in the UNet's place. */
    private static final String TRANSFORMER = "transformer";

    private final String folder;

    Component(String folder) {
        this.folder = folder;
    }

    /** What diffusers calls the folder of such a part in a pipeline; of what may be any, the denoiser's. */
    public String folder() {
        return folder;
    }

    /** The part that a folder of that name is for; empty where the name does not say. */
    public static Optional<Component> ofFolder(String name) {
        return name.equals(TRANSFORMER)
                ? Optional.of(DENOISER)
                : Stream.of(values()).filter(part -> part.folder.equals(name)).findFirst();
    }

    /** Whether names of both can mean the same part. */
    boolean agrees(Component other) {
        return this == other || this == ANY || other == ANY;
    }
}

package io.doraxis.peft;

import java.io.Serializable;

/** How an export's files are laid out. */
public sealed interface ExportLayout extends Serializable {
    /** What PEFT's {@code save_pretrained} leaves: a directory for each component. */
    record Peft() implements ExportLayout {}

    /** One file as LyCORIS and sd-scripts write it. */
    record Lycoris(Names names) implements ExportLayout {}

    /** How LyCORIS' modules are called. */
    enum Names {
        /** As LyCORIS' wrapper calls them: {@code lycoris_} before the flattened path. */
        LYCORIS,
        /** As sd-scripts does: {@code lora_unet_}, {@code lora_te_} and so on. */
        KOHYA
    }
}

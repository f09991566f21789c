package io.doraxis.peft;

import java.io.Serializable;

/** How an export's files are laid out. */
public sealed interface ExportLayout extends Serializable {
    /**
     * What PEFT's {@code save_pretrained} leaves: a directory for each component.
     *
     * @param foldsAlpha whether alphas are in the factors, so that programs which take them for the ranks are right
     */
    record Peft(boolean foldsAlpha, TransformersNaming naming) implements ExportLayout {
        /** With the base's names. */
        public Peft(boolean foldsAlpha) {
            this(foldsAlpha, TransformersNaming.OF_BASE);
        }
    }

    /** One file as diffusers' {@code save_lora_weights} writes it. */
    record Diffusers(boolean foldsAlpha, TransformersNaming naming) implements ExportLayout {
        /** With the base's names. */
        public Diffusers(boolean foldsAlpha) {
            this(foldsAlpha, TransformersNaming.OF_BASE);
        }
    }

    /** One file as LyCORIS and sd-scripts write it. */
    record Lycoris(Names names) implements ExportLayout {
        @Override
        public boolean foldsAlpha() {
            return false;
        }

        @Override
        public TransformersNaming naming() {
            return TransformersNaming.OF_BASE;
        }
    }

    /** Whether the product of the factors is the delta weight, and alpha the rank. */
    boolean foldsAlpha();

    /** Whose names text encoders' layers have. */
    TransformersNaming naming();

    /** How LyCORIS' modules are called. */
    enum Names {
        /** As LyCORIS' wrapper calls them: {@code lycoris_} before the flattened path. */
        LYCORIS,
        /** As sd-scripts does: {@code lora_unet_}, {@code lora_te_} and so on. */
        KOHYA
    }
}

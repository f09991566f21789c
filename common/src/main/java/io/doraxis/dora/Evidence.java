package io.doraxis.dora;

/** One kind of fact behind a checkpoint's axis, with the number of modules that show it. */
public record Evidence(Kind kind, int count, String detail) {
    /** Stored in the audit table: never renamed. */
    public enum Kind {
        /** No magnitude at all. */
        NONE,
        /** The key belongs to programs that know the output axis only. */
        KEY_NAME,
        /** The magnitude's one long dimension lies on an axis of a rectangular layer that only it can be. */
        RECTANGULAR_LAYER,
        /** The same on a square layer: the length fits both, the position tells. */
        SQUARE_LAYER,
        /** A flat magnitude whose length is one of the layer's two dimensions. */
        FLAT_LENGTH,
        /** [1, out, 1, 1] under LyCORIS' key: PEFT's convolution, renamed. */
        RENAMED_PEFT_CONV,
        /** A magnitude of one element on a layer with one row or column. */
        SINGLE_ELEMENT,
        /** A flat magnitude on a square layer, or on flattened factors that leave both axes open. */
        FITS_BOTH,
        /** A magnitude that fits neither axis. */
        FITS_NEITHER,
        /** Magnitudes that go along with the norms of a base model on one axis, and not on the other. */
        VALUE_MATCH,
        /** The metadata claims the same axis. */
        METADATA_AGREES,
        /** The metadata claims the other axis, or says that there is no DoRA: the shapes count. */
        METADATA_CONFLICTS
    }
}

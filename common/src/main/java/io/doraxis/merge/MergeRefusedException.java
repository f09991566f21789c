package io.doraxis.merge;

/** An adapter that cannot be merged into a base as asked; the message says what would help. */
public final class MergeRefusedException extends Exception {
    private static final long serialVersionUID = 1;

    /** Why. Stored in the merges table: never renamed. */
    public enum Code {
        /** The file is no adapter, or was not read as a whole. */
        NOT_AN_ADAPTER,
        /** The base is none that can be written: its kind, its container, or it could not be read. */
        UNSUPPORTED_BASE,
        /** The output is no place for a single safetensors file, or it is the adapter or the base itself. */
        UNSUPPORTED_OUTPUT,
        /** A row of the plan names no adapter, base or output. */
        INCOMPLETE_ROW,
        /** A tensor that changes does not fit into memory with what is computed from it. */
        TOO_LARGE,
        /** A magnitude's axis is open: {@code --assume-axis} decides. */
        AXIS_AMBIGUOUS,
        /** A strength other than 1 on a magnitude: {@code --strength-rule} says what it means. */
        STRENGTH_RULE,
        /** Keys of the adapter match nothing in the base: {@code --allow-unmatched} goes on without them. */
        UNMATCHED,
        /** Nothing of the adapter matches the base. */
        NOTHING_MATCHED,
        /** A weight of the base has another shape than the factors give. */
        SHAPE_MISMATCH,
        /** Two modules mean the same weight. */
        CONTESTED_WEIGHT,
        /** The algorithm cannot be rebuilt from the file, or factors are missing. */
        UNSUPPORTED_MODULE,
        /** The scale of a product is not known. */
        SCALE_UNKNOWN,
        /** A norm is zero where the program that wrote the adapter divides by it. */
        ZERO_NORM,
        /** A tensor of the base or the adapter holds a number that is none, or a merged one left the range of floats. */
        NOT_FINITE,
        /** The device that was asked for is not the task's, or does not work. */
        NO_DEVICE
    }

    private final Code code;

    public MergeRefusedException(Code code, String message) {
        super(message, null, false, false);
        this.code = code;
    }

    public Code code() {
        return code;
    }
}

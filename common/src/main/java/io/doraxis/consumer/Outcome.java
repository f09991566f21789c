package io.doraxis.consumer;

/**
 * What a consumer makes of a file at strength 1, by the largest error of a tensor, max|W''-W'| / max|W'| in float32.
 * Stored in the audit table: never renamed.
 */
public enum Outcome {
    /** Up to 1e-5. */
    EXACT,
    /** Up to 1e-2. */
    APPROXIMATE,
    /** Above that, and the program warns or logs that it dropped something. */
    PARTIAL,
    /** Above that, and the program says nothing. */
    SILENTLY_WRONG,
    /** The program raises, or loads nothing. */
    REJECTS,
    /** Nothing is known. */
    UNKNOWN;

    /** Whether a file with modules of both outcomes has this one. */
    boolean overrules(Outcome other) {
        return weight() > other.weight();
    }

    // a module that raises stops the whole file, whatever the others would do; one that is not known might raise
    private int weight() {
        return switch (this) {
            case EXACT -> 0;
            case APPROXIMATE -> 1;
            case PARTIAL -> 2;
            case SILENTLY_WRONG -> 3;
            case UNKNOWN -> 4;
            case REJECTS -> 5;
        };
    }
}

package io.doraxis.audit;

import io.doraxis.tensorfile.Reason;

/** How the reading of a checkpoint went; it judges nothing else. Stored in the audit table: never renamed. */
public enum Status {
    /** Read as what it is. */
    OK,
    /** Some of its files were read. */
    PARTIAL,
    /** The bytes contradict the format, or are not a tensor file at all. */
    MALFORMED,
    /** Recognised, but not read by this version. */
    UNSUPPORTED,
    /** The store refused or failed. */
    STORE_ERROR,
    /** The object is not the one that was listed. */
    CHANGED,
    /** Listed, and on purpose not read. */
    SKIPPED;

    /** The status of a file that could not be read for that reason. */
    public static Status of(Reason reason) {
        return switch (reason) {
            case UNKNOWN_DTYPE, UNSUPPORTED_CONTAINER, OVER_LIMIT -> UNSUPPORTED;
            case STORE_CHANGED -> CHANGED;
            default -> reason.isTheStores() ? STORE_ERROR : MALFORMED;
        };
    }
}

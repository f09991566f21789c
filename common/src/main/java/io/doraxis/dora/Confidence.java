package io.doraxis.dora;

/** What a checkpoint's axis rests on. Stored in the audit table: never renamed. */
public enum Confidence {
    /** Shapes, positions and keys. */
    PROVEN,
    /** The same, and the metadata says so too. */
    CORROBORATED,
    /** Values only. */
    LIKELY,
    /** Nothing decides. */
    UNKNOWN
}

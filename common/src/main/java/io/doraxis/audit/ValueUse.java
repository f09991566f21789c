package io.doraxis.audit;

/** Which magnitudes an audit reads, and compares with an atlas where it has one. */
public enum ValueUse {
    NONE,
    /** Those of modules whose shapes leave both axes open. */
    AMBIGUOUS,
    ALL
}

package io.doraxis.dora;

/** What one module's shapes prove about its weight decomposition. Stored in the audit table: never renamed. */
public enum ModuleAxis {
    /** Magnitude per input feature: W' = M·diag(m / col(M)). */
    INPUT,
    /** Magnitude per output feature: W' = diag(m / row(M))·M. */
    OUTPUT,
    /** Both fit. */
    AMBIGUOUS,
    /** No magnitude. */
    NONE,
    /** A magnitude that fits neither; it does not vote. */
    INVALID
}

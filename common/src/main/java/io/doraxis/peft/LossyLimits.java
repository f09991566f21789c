package io.doraxis.peft;

import java.io.Serializable;

/**
 * How far off a lossy export may be.
 *
 * @param maxError of a layer, relative to what the adapter changes there, see {@link LossyFit#relativeError}
 * @param maxRank of new factors
 * @param wholeBeyond whether a layer that is further off is saved as its merged weights; else it is refused
 */
public record LossyLimits(double maxError, int maxRank, boolean wholeBeyond) implements Serializable {
    /** Where none is given. */
    public static final int DEFAULT_RANK = 128;
}

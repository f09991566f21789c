package io.doraxis.peft;

import io.doraxis.merge.FloatMatrix;
import io.doraxis.merge.MergeRefusedException;
import io.doraxis.merge.TensorKernel;
import io.doraxis.merge.TruncatedSvd;
import java.util.Set;
import java.util.function.IntFunction;

/**
 * Finds the cheapest form of PEFT's that a layer's merged weight nearly has, within an error that is measured on the weight
 * which comes of the stored numbers.
 *
 * @param forms that are allowed: one adapter of PEFT's has magnitudes in all its modules or in none
 * @param maxError relative to the change, see {@link LossyFit#relativeError}; infinite for the first form as it is
 * @param maxRank of new factors
 */
public record LossyFitter(Set<LossyForm> forms, double maxError, int maxRank) {
    /**
     * A decomposition costs as much as the largest rank that it is of, and most layers need a small one: it is of this one
     * first, then of twice as much, and so on.
     */
    static final int FIRST_RANK = 32;

    /** More than a {@link TruncatedSvd} is off beyond the least error of its rank. */
    private static final double EXCESS = 0.005;

    public LossyFitter {
        forms = Set.copyOf(forms);
        if (forms.isEmpty() || !(maxError >= 0) || maxRank < 1) {
            throw new IllegalArgumentException("%s within %s at rank %d".formatted(forms, maxError, maxRank));
        }
    }

    /**
     * The first form within the error.
     *
     * @throws MergeRefusedException if one of the layer's numbers is none
     */
    public LossyOutcome fit(LossyLayer layer, TensorKernel kernel) throws MergeRefusedException {
        layer.requireFinite();
        FitError error = new FitError(layer, kernel);
        int rank = Math.min(maxRank, Math.min(layer.base().rows(), layer.base().columns()));
        LossyFit nearest = null;
        for (LossyForm form : LossyForm.values()) {
            if (forms.contains(form)) {
                LossyFit fit = switch (form) {
                    case REFITTED_MAGNITUDE -> error.withMagnitude(form, layer.loraB(), layer.loraA(), layer.scale());
                    case DORA -> new DoraFit(layer, error, kernel).within(maxError, rank);
                    case LORA -> lora(layer, error, rank, kernel);
                };
                if (fit.isWithin(maxError) && !isBeaten(fit, layer, kernel)) {
                    return new LossyOutcome.Fitted(fit);
                }
                // NaN is the furthest of all
                boolean isNearer = nearest == null || Double.compare(fit.relativeError(), nearest.relativeError()) < 0;
                nearest = isNearer ? fit : nearest;
            }
        }
        return nearest.isWithin(maxError) ? new LossyOutcome.Fitted(nearest) : new LossyOutcome.Refused(nearest);
    }

    /** Whether plain LoRA of the rank of the adapter's own factors would be nearer than they are, so that new ones are. */
    private boolean isBeaten(LossyFit fit, LossyLayer layer, TensorKernel kernel) {
        boolean isLast = fit.form() != LossyForm.REFITTED_MAGNITUDE || forms.size() == 1;
        if (isLast || Double.isInfinite(maxError) || fit.relativeError() == 0) {
            return false;
        }
        FloatMatrix change = layer.merged().minus(layer.base());
        double norm = fit.relativeError() * fit.change() * (1 + EXCESS);
        return TruncatedSvd.of(change, fit.rank(), kernel).rankWithin(norm) <= fit.rank();
    }

    private LossyFit lora(LossyLayer layer, FitError error, int maxRank, TensorKernel kernel) {
        FloatMatrix change = layer.merged().minus(layer.base());
        double norm = maxError * error.change();
        for (int most = Math.min(maxRank, FIRST_RANK); ; most = Math.min(maxRank, 2 * most)) {
            TruncatedSvd svd = TruncatedSvd.of(change, most, kernel);
            if (most == maxRank || svd.rankWithin(norm) <= most) {
                int least = Math.min(most, svd.rankWithin(norm));
                LossyFit fit = leastRank(
                        rank -> error.withoutMagnitude(svd.left(rank), svd.right(rank)), least, most, maxError);
                if (most == maxRank || fit.isWithin(maxError)) {
                    return fit;
                }
            }
        }
    }

    /** The fit at the first of some ranks that is within an error, or at the last of them. */
    static LossyFit leastRank(IntFunction<LossyFit> atRank, int from, int to, double maxError) {
        LossyFit fit = atRank.apply(from);
        for (int rank = from + 1; rank <= to && !fit.isWithin(maxError); rank++) {
            fit = atRank.apply(rank);
        }
        return fit;
    }
}

package io.doraxis.peft;

import io.doraxis.merge.FloatMatrix;
import io.doraxis.merge.TensorKernel;
import io.doraxis.merge.TruncatedSvd;
import java.util.Arrays;

/**
 * DoRA of a low rank that comes near to a merged weight: {@code W' = diag(c) (W0 + B A)}, with the row scales c and the low
 * rank part {@code Z = diag(c) B A} found in turn, each the best for the other. Two rounds of it come within half a percent
 * of where it converges.
 */
final class DoraFit {
    /** Ranks beyond the one that is enough by the first round, lest it is just not by the second. */
    private static final int RESERVE = 4;

    /** Of a row that still counts as one of the base weight. */
    private static final double LEAST_SCALE = 1e-6;

    private final LossyLayer layer;
    private final FitError error;
    private final TensorKernel kernel;

    DoraFit(LossyLayer layer, FitError error, TensorKernel kernel) {
        this.layer = layer;
        this.error = error;
        this.kernel = kernel;
    }

    /** At the least rank found that is within the error, or at the largest one. */
    LossyFit within(double maxError, int maxRank) {
        double norm = maxError * error.change();
        double[] scales = new double[layer.base().rows()];
        Arrays.fill(scales, commonScale());
        FloatMatrix rest = rest(scales);
        for (int most = Math.min(maxRank, LossyFitter.FIRST_RANK); ; most = Math.min(maxRank, 2 * most)) {
            TruncatedSvd first = TruncatedSvd.rough(rest, most, kernel);
            if (most == maxRank || first.rankWithin(norm) <= most) {
                LossyFit fit = refined(first, scales.clone(), maxError, most);
                if (most == maxRank || fit.isWithin(maxError)) {
                    return fit;
                }
            }
        }
    }

    /** The second round, from what the first one found. */
    private LossyFit refined(TruncatedSvd first, double[] scales, double maxError, int maxRank) {
        double norm = maxError * error.change();
        int enough = Math.min(maxRank, first.rankWithin(norm));
        adjust(scales, first, enough);
        FloatMatrix rest = rest(scales);
        for (int most = Math.min(maxRank, enough + RESERVE); ; most = Math.min(maxRank, 2 * most)) {
            TruncatedSvd second = first.near(rest, most, kernel);
            int least = Math.min(enough, second.rankWithin(norm));
            LossyFit fit = LossyFitter.leastRank(rank -> fit(second, scales, rank), least, most, maxError);
            if (fit.isWithin(maxError) || most == maxRank) {
                return fit;
            }
            enough = most;
        }
    }

    /**
     * The factor of the whole base weight that comes nearest to the merged one. Factors of its rows would be nearer, and a
     * worse start: they take up what the low rank part is there for, and give it back slowly.
     */
    private double commonScale() {
        double along = 0;
        double square = 0;
        for (int row = 0; row < layer.base().rows(); row++) {
            along += dot(layer.merged(), layer.base(), row);
            square += dot(layer.base(), layer.base(), row);
        }
        return usable(along / square);
    }

    /** Moves each row's scale to where it is best beside a low rank part. */
    private void adjust(double[] scales, TruncatedSvd svd, int rank) {
        FloatMatrix error = rest(scales);
        kernel.addProduct(error, -1, svd.left(rank), svd.right(rank));
        for (int row = 0; row < scales.length; row++) {
            scales[row] = usable(scales[row] + dot(error, layer.base(), row) / dot(layer.base(), layer.base(), row));
        }
    }

    /** A row that is turned around or gone, or was never there, is the low rank part's. */
    private static double usable(double scale) {
        return scale > LEAST_SCALE ? scale : 1;
    }

    /** Of two rows. */
    private static double dot(FloatMatrix one, FloatMatrix other, int row) {
        double sum = 0;
        for (int i = row * one.columns(); i < (row + 1) * one.columns(); i++) {
            sum += (double) one.values()[one.offset() + i] * other.values()[other.offset() + i];
        }
        return sum;
    }

    /** What is left for the low rank part: W' - diag(c) W0. */
    private FloatMatrix rest(double[] scales) {
        FloatMatrix base = layer.base();
        FloatMatrix merged = layer.merged();
        FloatMatrix rest = FloatMatrix.zeros(base.rows(), base.columns());
        for (int row = 0; row < base.rows(); row++) {
            for (int i = row * base.columns(); i < (row + 1) * base.columns(); i++) {
                double scaled = scales[row] * base.values()[base.offset() + i];
                rest.values()[i] = (float) (merged.values()[merged.offset() + i] - scaled);
            }
        }
        return rest;
    }

    private LossyFit fit(TruncatedSvd svd, double[] scales, int rank) {
        FloatMatrix loraB = svd.left(rank);
        for (int row = 0; row < loraB.rows(); row++) {
            boolean isZero = true;
            for (int i = row * rank; i < (row + 1) * rank; i++) {
                loraB.values()[i] /= (float) scales[row];
                isZero &= loraB.values()[i] == 0;
            }
            // PEFT divides by the norm of a direction: where all is zero, one that a magnitude of 0 undoes
            if (isZero && isZeroInBase(row)) {
                loraB.values()[row * rank] = 1;
            }
        }
        return error.withMagnitude(LossyForm.DORA, loraB, svd.right(rank), 1);
    }

    private boolean isZeroInBase(int row) {
        return layer.base().rowRange(row, 1).squaredNorm() == 0;
    }
}

package io.doraxis.merge;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Algorithm;
import io.doraxis.adapter.Magnitude;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.merge.MergePlan.Step;
import io.doraxis.merge.MergeRefusedException.Code;
import io.doraxis.tensorfile.TensorData;
import java.util.Arrays;
import java.util.List;

/**
 * One module's merge into a weight by blocks of its rows: products in float32, norms in float64. A block's result does not
 * depend on the others, but for norms that run over all rows: those are summed in a pass of their own.
 */
final class RowMerge {
    private final Step step;
    private final Delta delta;
    private final float scale;

    /** One per row or per column of the stored weight; null without a weight decomposition. */
    private final double[] magnitude;

    /** Whether a magnitude belongs to a row of the stored weight. */
    private final boolean byRow;

    private final double epsilon;

    /** Columns of the stored weight that share a magnitude which is not a row's. */
    private final int kernel;

    /** Of the direction's columns; null where they are not needed, or not known yet. */
    private double[] norms;

    private RowMerge(Step step, Delta delta, float scale, double[] magnitude, int kernel) {
        this.step = step;
        this.delta = delta;
        this.scale = scale;
        this.magnitude = magnitude;
        this.byRow = isByRow(step);
        this.epsilon = magnitude == null ? 0 : WeightDecomposition.epsilon(magnitudeOf(step));
        this.kernel = kernel;
    }

    Step step() {
        return step;
    }

    /** Whether a module can be merged by blocks: what rotates or mixes a weight's rows needs all of it. */
    static boolean isPossible(AdapterModule module) {
        return switch (module.algorithm()) {
            case LORA, LOHA, LOKR, FULL, NORM -> true;
            case GLORA, IA3, OFT, BOFT, TLORA -> false;
        };
    }

    /**
     * Reads a module's factors.
     *
     * @param columns of the stored weight
     * @param kernel kernel positions per input
     * @throws IllegalArgumentException if a tensor is not there, holds no floats or does not fit the weight
     */
    static RowMerge of(Step step, int columns, int kernel, TensorData data) {
        AdapterModule module = step.module();
        Delta stored = DeltaWeight.delta(module, data);
        Delta delta = step.transposed() ? stored.transposed() : stored;
        if (delta.columns() != columns || delta.rows() < step.moduleRow() + step.rows()) {
            throw new IllegalArgumentException("%s: a delta weight of [%d, %d] for a weight of [%d, %d]"
                    .formatted(module.name(), delta.rows(), delta.columns(), step.rows(), columns));
        }
        double scale =
                module.algorithm() == Algorithm.FULL || module.algorithm() == Algorithm.NORM ? 1 : module.scale();
        boolean within = magnitudeOf(step) == null || step.strength().rule() == Strength.Rule.PEFT;
        double applied = within ? scale * step.strength().value() : scale;
        double[] magnitude = magnitudeOf(step) == null
                ? null
                : new Factors(module, data).values(magnitudeOf(step).tensor());
        return new RowMerge(step, delta, (float) applied, magnitude, kernel);
    }

    private static Magnitude magnitudeOf(Step step) {
        return step.module().magnitude();
    }

    /** Whether every block must be given to {@link #squares} before any is merged. */
    static boolean needsNorms(Step step) {
        return step.module().hasDora() && !isByRow(step);
    }

    private static boolean isByRow(Step step) {
        return (step.axis() == ModuleAxis.OUTPUT) != step.transposed();
    }

    /**
     * Sums of squares of the direction's columns over a block of its rows, in float64.
     *
     * @param block of the weight's rows, {@code firstRow} first; holds the direction afterwards
     */
    double[] squares(FloatMatrix block, int firstRow, TensorKernel products) {
        double[] squares = new double[block.columns() / kernel];
        FloatMatrix own = own(block, firstRow);
        if (own != null) {
            addDelta(own, Math.max(firstRow, step.firstRow()), products);
            for (int row = 0; row < own.rows(); row++) {
                addSquares(own.values(), own.offset() + row * own.columns(), squares);
            }
        }
        return squares;
    }

    private void addSquares(float[] values, int from, double[] squares) {
        if (kernel == 1) {
            for (int column = 0; column < squares.length; column++) {
                double value = values[from + column];
                squares[column] += value * value;
            }
            return;
        }
        for (int in = 0, at = from; in < squares.length; in++) {
            for (int position = 0; position < kernel; position++, at++) {
                squares[in] += (double) values[at] * values[at];
            }
        }
    }

    /** @param blocks what {@link #squares} gave for each block, in the order of their rows */
    void setNorms(List<double[]> blocks) {
        double[] sum = new double[blocks.get(0).length];
        for (double[] squares : blocks) {
            for (int i = 0; i < sum.length; i++) {
                sum[i] += squares[i];
            }
        }
        norms = Arrays.stream(sum).map(Math::sqrt).toArray();
    }

    /**
     * Merges a block of rows, in place.
     *
     * @param block of the weight's rows, {@code firstRow} first
     * @throws MergeRefusedException if a norm is zero where nothing is added to it
     */
    void merge(FloatMatrix block, int firstRow, TensorKernel products) throws MergeRefusedException {
        FloatMatrix own = own(block, firstRow);
        if (own == null) {
            return;
        }
        boolean keepsBase = magnitude != null
                && step.strength().value() != 1
                && step.strength().rule() == Strength.Rule.LINEAR;
        float[] base = keepsBase
                ? Arrays.copyOfRange(own.values(), own.offset(), own.offset() + own.rows() * own.columns())
                : null;
        int row = Math.max(firstRow, step.firstRow());
        addDelta(own, row, products);
        if (magnitude != null) {
            decompose(own, row);
        }
        if (keepsBase) {
            float strength = (float) step.strength().value();
            for (int i = 0; i < base.length; i++) {
                int at = own.offset() + i;
                own.values()[at] = base[i] + strength * (own.values()[at] - base[i]);
            }
        }
    }

    /** The part of a block that is the module's; null where none is. */
    private FloatMatrix own(FloatMatrix block, int firstRow) {
        int from = Math.max(firstRow, step.firstRow());
        int to = Math.min(firstRow + block.rows(), step.firstRow() + step.rows());
        return from < to ? block.rowRange(from - firstRow, to - from) : null;
    }

    private void addDelta(FloatMatrix own, int row, TensorKernel products) {
        delta.addRows(own, row - step.firstRow() + step.moduleRow(), scale, products);
    }

    private void decompose(FloatMatrix direction, int firstRow) throws MergeRefusedException {
        if (byRow) {
            for (int row = 0; row < direction.rows(); row++) {
                int from = direction.offset() + row * direction.columns();
                int index = firstRow + row - step.firstRow() + step.moduleRow();
                double norm = Math.sqrt(sumOfSquares(direction.values(), from, direction.columns()));
                float factor = factor(index, norm);
                for (int i = from; i < from + direction.columns(); i++) {
                    direction.values()[i] *= factor;
                }
            }
            return;
        }
        float[] factors = new float[direction.columns()];
        for (int column = 0; column < factors.length; column++) {
            factors[column] = factor(column / kernel, norms[column / kernel]);
        }
        for (int row = 0; row < direction.rows(); row++) {
            int from = direction.offset() + row * direction.columns();
            for (int column = 0; column < factors.length; column++) {
                direction.values()[from + column] *= factors[column];
            }
        }
    }

    /** What the direction is multiplied by. */
    private float factor(int index, double norm) throws MergeRefusedException {
        if (norm + epsilon == 0) {
            throw new MergeRefusedException(
                    Code.ZERO_NORM,
                    "%s: norm %d of the base weight with the delta is 0, which PEFT divides by"
                            .formatted(step.module().name(), index));
        }
        double factor = magnitude[index] / (norm + epsilon);
        boolean partly = step.strength().value() != 1 && step.strength().rule() == Strength.Rule.LYCORIS;
        return (float) (partly ? step.strength().value() * (factor - 1) + 1 : factor);
    }

    /** In float64, by four sums, so that one addition does not wait for the other. */
    private static double sumOfSquares(float[] values, int from, int count) {
        double a = 0;
        double b = 0;
        double c = 0;
        double d = 0;
        int i = from;
        for (; i + 4 <= from + count; i += 4) {
            a += (double) values[i] * values[i];
            b += (double) values[i + 1] * values[i + 1];
            c += (double) values[i + 2] * values[i + 2];
            d += (double) values[i + 3] * values[i + 3];
        }
        for (; i < from + count; i++) {
            a += (double) values[i] * values[i];
        }
        return a + b + (c + d);
    }
}

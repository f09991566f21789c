package io.doraxis.peft;

import io.doraxis.merge.FloatMatrix;
import io.doraxis.merge.TensorKernel;
import java.util.Optional;

/**
 * Makes a layer's weight of factors, as PEFT does, and measures it against the merged one: products in float32, everything
 * else in float64.
 */
final class FitError {
    /**
     * A change of less than this share of the merged weight is counted as that much: what is left of an adapter that
     * changes nothing is the rounding of its merge.
     */
    private static final double LEAST_CHANGE = 0x1p-20;

    /** Rows at a time. */
    private static final int ROWS = 64;

    private final LossyLayer layer;
    private final TensorKernel kernel;
    private final double change;

    FitError(LossyLayer layer, TensorKernel kernel) {
        this.layer = layer;
        this.kernel = kernel;
        double squares = 0;
        for (int i = 0; i < layer.merged().rows() * layer.merged().columns(); i++) {
            double difference = (double) value(layer.merged(), i) - value(layer.base(), i);
            squares += difference * difference;
        }
        this.change = Math.max(
                Math.sqrt(squares), LEAST_CHANGE * Math.sqrt(layer.merged().squaredNorm()));
    }

    /** The norm that errors are relative to. */
    double change() {
        return change;
    }

    /** LoRA: W'' = W0 + B A. */
    LossyFit withoutMagnitude(FloatMatrix loraB, FloatMatrix loraA) {
        double squares = 0;
        double[] direction = new double[loraA.columns()];
        FloatMatrix delta = null;
        for (int row = 0; row < loraB.rows(); row++) {
            delta = row % ROWS == 0 ? delta(loraB, loraA, 1, row) : delta;
            addBase(delta, row, direction);
            squares += squaredDistance(direction, 1, row);
        }
        return new LossyFit(LossyForm.LORA, loraB, loraA, 1, Optional.empty(), relative(squares), change);
    }

    /** DoRA: W'' = m (W0 + s B A) / ||W0 + s B A|| by rows, with the magnitude m that comes nearest (least squares). */
    LossyFit withMagnitude(LossyForm form, FloatMatrix loraB, FloatMatrix loraA, double scale) {
        double squares = 0;
        double[] direction = new double[loraA.columns()];
        FloatMatrix delta = null;
        FloatMatrix magnitude = FloatMatrix.zeros(loraB.rows(), 1);
        for (int row = 0; row < loraB.rows(); row++) {
            delta = row % ROWS == 0 ? delta(loraB, loraA, scale, row) : delta;
            addBase(delta, row, direction);
            double along = 0;
            double square = 0;
            for (int i = 0; i < direction.length; i++) {
                along += direction[i] * value(layer.merged(), row * direction.length + i);
                square += direction[i] * direction[i];
            }
            double norm = Math.sqrt(square);
            magnitude.values()[row] = (float) (along / norm);
            squares += squaredDistance(direction, magnitude.values()[row] / norm, row);
        }
        return new LossyFit(form, loraB, loraA, scale, Optional.of(magnitude), relative(squares), change);
    }

    /** Some rows of the delta weight. */
    private FloatMatrix delta(FloatMatrix loraB, FloatMatrix loraA, double scale, int row) {
        int rows = Math.min(ROWS, loraB.rows() - row);
        FloatMatrix delta = FloatMatrix.zeros(rows, loraA.columns());
        kernel.addProduct(delta, (float) scale, loraB.rowRange(row, rows), loraA);
        return delta;
    }

    private void addBase(FloatMatrix delta, int row, double[] sum) {
        for (int i = 0; i < sum.length; i++) {
            sum[i] = (double) value(delta, row % ROWS * sum.length + i) + value(layer.base(), row * sum.length + i);
        }
    }

    private double squaredDistance(double[] direction, double factor, int row) {
        double squares = 0;
        for (int i = 0; i < direction.length; i++) {
            double distance = factor * direction[i] - value(layer.merged(), row * direction.length + i);
            squares += distance * distance;
        }
        return squares;
    }

    private double relative(double squares) {
        return squares == 0 ? 0 : Math.sqrt(squares) / change;
    }

    private static float value(FloatMatrix matrix, int index) {
        return matrix.values()[matrix.offset() + index];
    }
}

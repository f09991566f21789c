package io.doraxis.merge;

import io.doraxis.adapter.Magnitude;
import io.doraxis.dora.ModuleAxis;
import java.util.Arrays;

/** DoRA's weight decomposition (arXiv 2402.09353, equation 5): a direction, divided by its norm and scaled by a magnitude. */
public final class WeightDecomposition {
    /** What LyCORIS adds to a norm in float32 ({@code torch.finfo(torch.float32).eps}); PEFT adds nothing. */
    public static final double LYCORIS_EPSILON = 0x1p-23;

    private WeightDecomposition() {}

    /**
     * Norms along one axis.
     *
     * @param weight [out, in * kernel]
     * @param axis OUTPUT for one per row; INPUT for one per input, over all rows and kernel positions
     * @param kernel kernel positions per input
     */
    public static double[] norms(Matrix weight, ModuleAxis axis, int kernel) {
        return roots(squares(weight, axis, kernel));
    }

    /** The sums of squares that the norms are the roots of. */
    static double[] squares(Matrix weight, ModuleAxis axis, int kernel) {
        boolean byRow = axis == ModuleAxis.OUTPUT;
        double[] values = weight.values();
        double[] squares = new double[byRow ? weight.rows() : weight.columns() / kernel];
        for (int row = 0, at = 0; row < weight.rows(); row++) {
            for (int column = 0; column < weight.columns(); column++, at++) {
                squares[byRow ? row : column / kernel] += values[at] * values[at];
            }
        }
        return squares;
    }

    static double[] roots(double[] squares) {
        return Arrays.stream(squares).map(Math::sqrt).toArray();
    }

    /** What is added to the norms of a module: LyCORIS' files and theirs alone are made so. */
    static double epsilon(Magnitude magnitude) {
        return magnitude.kind() == Magnitude.Kind.DORA_SCALE ? LYCORIS_EPSILON : 0;
    }

    /**
     * The weight with each row or input multiplied by its factor.
     *
     * @param factors one per row on the OUTPUT axis, one per input on the INPUT axis
     */
    public static Matrix scaled(Matrix weight, double[] factors, ModuleAxis axis, int kernel) {
        boolean byRow = axis == ModuleAxis.OUTPUT;
        Matrix scaled = Matrix.zeros(weight.rows(), weight.columns());
        for (int row = 0, at = 0; row < weight.rows(); row++) {
            for (int column = 0; column < weight.columns(); column++, at++) {
                scaled.values()[at] = weight.values()[at] * factors[byRow ? row : column / kernel];
            }
        }
        return scaled;
    }

    /**
     * The decomposed weight.
     *
     * @param direction base weight plus scaled delta weight, [out, in * kernel]
     * @param magnitude one per row or per input
     * @param epsilon added to each norm
     */
    public static Matrix of(Matrix direction, double[] magnitude, ModuleAxis axis, int kernel, double epsilon) {
        return scaled(direction, factors(norms(direction, axis, kernel), magnitude, epsilon), axis, kernel);
    }

    /** What rows or inputs of those norms are multiplied by. */
    static double[] factors(double[] norms, double[] magnitude, double epsilon) {
        if (norms.length != magnitude.length) {
            throw new IllegalArgumentException(magnitude.length + " magnitudes for " + norms.length + " norms");
        }
        double[] factors = new double[norms.length];
        for (int i = 0; i < norms.length; i++) {
            factors[i] = magnitude[i] / (norms[i] + epsilon);
        }
        return factors;
    }
}

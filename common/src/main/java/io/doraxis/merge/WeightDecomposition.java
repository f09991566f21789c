package io.doraxis.merge;

import io.doraxis.dora.ModuleAxis;

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
        boolean byRow = axis == ModuleAxis.OUTPUT;
        double[] values = weight.values();
        double[] squares = new double[byRow ? weight.rows() : weight.columns() / kernel];
        for (int row = 0, at = 0; row < weight.rows(); row++) {
            for (int column = 0; column < weight.columns(); column++, at++) {
                squares[byRow ? row : column / kernel] += values[at] * values[at];
            }
        }
        for (int i = 0; i < squares.length; i++) {
            squares[i] = Math.sqrt(squares[i]);
        }
        return squares;
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
        double[] norms = norms(direction, axis, kernel);
        if (norms.length != magnitude.length) {
            throw new IllegalArgumentException(magnitude.length + " magnitudes for " + norms.length + " norms");
        }
        double[] factors = new double[norms.length];
        for (int i = 0; i < norms.length; i++) {
            factors[i] = magnitude[i] / (norms[i] + epsilon);
        }
        return scaled(direction, factors, axis, kernel);
    }
}

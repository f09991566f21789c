package io.doraxis.merge;

import java.util.Arrays;
import java.util.Comparator;

/**
 * Eigenvalues and eigenvectors of a positive semidefinite matrix, largest first, by one-sided Jacobi rotations (Hestenes
 * 1958): pairs of rows are turned until all are orthogonal, which leaves each eigenvector times its eigenvalue. Meant for
 * the few hundred rows of a Gram matrix; all the work is on whole rows, which the JIT makes vector instructions of.
 *
 * @param vectors one per row, of norm 1; zeros where the eigenvalue is 0
 */
record SymmetricEigen(double[] values, double[][] vectors) {
    /** Far more than it takes, which is 6 to 10. */
    private static final int MAX_SWEEPS = 40;

    /** Cosine of the angle between two rows that counts as a right one. */
    private static final double ORTHOGONAL = 1e-9;

    /** @param matrix of which the rows are overwritten */
    static SymmetricEigen of(double[][] matrix) {
        for (int sweep = 0; sweep < MAX_SWEEPS && turnsAny(matrix); sweep++) {}
        Arrays.sort(matrix, Comparator.comparingDouble(row -> -dot(row, row)));
        double[] values = new double[matrix.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = Math.sqrt(dot(matrix[i], matrix[i]));
            scale(matrix[i], values[i] > 0 ? 1 / values[i] : 0);
        }
        return new SymmetricEigen(values, matrix);
    }

    /** One sweep over all pairs of rows. */
    private static boolean turnsAny(double[][] rows) {
        double[] squares = new double[rows.length];
        for (int i = 0; i < rows.length; i++) {
            squares[i] = dot(rows[i], rows[i]);
        }
        boolean turned = false;
        for (int p = 0; p < rows.length - 1; p++) {
            for (int q = p + 1; q < rows.length; q++) {
                double dot = dot(rows[p], rows[q]);
                if (Math.abs(dot) > ORTHOGONAL * Math.sqrt(squares[p] * squares[q])) {
                    double zeta = (squares[q] - squares[p]) / (2 * dot);
                    double tangent = Math.copySign(1, zeta) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
                    double cosine = 1 / Math.sqrt(1 + tangent * tangent);
                    turn(rows[p], rows[q], cosine, cosine * tangent);
                    squares[p] = Math.max(0, squares[p] - tangent * dot);
                    squares[q] += tangent * dot;
                    turned = true;
                }
            }
        }
        return turned;
    }

    private static void turn(double[] one, double[] other, double cosine, double sine) {
        for (int i = 0; i < one.length; i++) {
            double value = one[i];
            one[i] = cosine * value - sine * other[i];
            other[i] = sine * value + cosine * other[i];
        }
    }

    private static void scale(double[] row, double factor) {
        for (int i = 0; i < row.length; i++) {
            row[i] *= factor;
        }
    }

    /** By four sums, so that one addition does not wait for the other. */
    private static double dot(double[] one, double[] other) {
        double a = 0;
        double b = 0;
        double c = 0;
        double d = 0;
        int i = 0;
        for (; i + 4 <= one.length; i += 4) {
            a += one[i] * other[i];
            b += one[i + 1] * other[i + 1];
            c += one[i + 2] * other[i + 2];
            d += one[i + 3] * other[i + 3];
        }
        for (; i < one.length; i++) {
            a += one[i] * other[i];
        }
        return a + b + (c + d);
    }
}

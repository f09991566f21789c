package io.doraxis.merge;

import java.util.Arrays;

/**
 * Products in float32 as loops that the JIT compiles to vector instructions: about as fast as a BLAS, without loading one.
 * It does so only for arrays that are walked from their first element, and for one sum at a time, so rows are copied to
 * such ones: a fraction of the work that is done with them there.
 */
public final class JavaKernel implements TensorKernel {
    /** Columns at a time. */
    private static final int COLUMNS = 512;

    /** Rows of the right factor at a time: they stay in the first-level cache. */
    private static final int INNER = 16;

    /** Rows of the sum at a time: they stay in the second-level cache. */
    private static final int ROWS = 64;

    private final float[][] panel = new float[INNER][COLUMNS];
    private final float[][] tile = new float[ROWS][COLUMNS];
    private final float[] factors = new float[INNER];

    @Override
    public String name() {
        return "java-float32";
    }

    @Override
    public String device() {
        return "cpu";
    }

    @Override
    public void addProduct(FloatMatrix sum, float scale, FloatMatrix left, FloatMatrix right) {
        TensorKernel.requireFit(sum, left, right);
        for (int row = 0; row < sum.rows(); row += ROWS) {
            int rows = Math.min(ROWS, sum.rows() - row);
            for (int column = 0; column < sum.columns(); column += COLUMNS) {
                int columns = Math.min(COLUMNS, sum.columns() - column);
                int at = sum.offset() + row * sum.columns() + column;
                for (int i = 0; i < rows; i++) {
                    System.arraycopy(sum.values(), at + i * sum.columns(), tile[i], 0, columns);
                }
                addToTile(scale, left.rowRange(row, rows), right, column, columns);
                for (int i = 0; i < rows; i++) {
                    System.arraycopy(tile[i], 0, sum.values(), at + i * sum.columns(), columns);
                }
            }
        }
    }

    /** Adds the product of some rows of the left factor and some columns of the right one. */
    private void addToTile(float scale, FloatMatrix left, FloatMatrix right, int column, int columns) {
        // what is scaled down first and up last overflows only if the result does
        boolean isFirst = Math.abs(scale) <= 1;
        float first = isFirst ? scale : 1;
        float last = isFirst ? 1 : scale;
        for (int inner = 0; inner < left.columns(); inner += INNER) {
            int count = Math.min(INNER, left.columns() - inner);
            fillPanel(right, inner, count, column, columns);
            Arrays.fill(factors, 0);
            for (int i = 0; i < left.rows(); i++) {
                int from = left.offset() + i * left.columns() + inner;
                for (int k = 0; k < count; k++) {
                    factors[k] = first * left.values()[from + k];
                }
                for (int k = 0; k < count; k += 4) {
                    addFour(tile[i], columns, last, k);
                }
            }
        }
    }

    /** Rows of the right factor, and zeros up to a multiple of four of them. */
    private void fillPanel(FloatMatrix right, int inner, int count, int column, int columns) {
        for (int k = 0; k < count; k++) {
            int from = right.offset() + (inner + k) * right.columns() + column;
            System.arraycopy(right.values(), from, panel[k], 0, columns);
        }
        for (int k = count; k % 4 != 0; k++) {
            Arrays.fill(panel[k], 0);
        }
    }

    private void addFour(float[] sum, int count, float scale, int k) {
        addFour(
                sum,
                count,
                scale,
                factors[k],
                panel[k],
                factors[k + 1],
                panel[k + 1],
                factors[k + 2],
                panel[k + 2],
                factors[k + 3],
                panel[k + 3]);
    }

    private static void addFour(
            float[] sum,
            int count,
            float scale,
            float f0,
            float[] row0,
            float f1,
            float[] row1,
            float f2,
            float[] row2,
            float f3,
            float[] row3) {
        for (int j = 0; j < count; j++) {
            sum[j] += scale * (f0 * row0[j] + f1 * row1[j] + (f2 * row2[j] + f3 * row3[j]));
        }
    }
}

package io.doraxis.merge;

import java.util.Arrays;

/**
 * A matrix in float32, row by row, in a part of an array: a block of a weight's rows, or a factor.
 *
 * @param values of which the elements from {@code offset} on are the matrix
 */
public record FloatMatrix(float[] values, int offset, int rows, int columns) {
    private static final int TILE = 32;

    public FloatMatrix {
        if (offset < 0 || Math.multiplyExact(rows, columns) > values.length - offset) {
            throw new IllegalArgumentException(
                    "[%d, %d] from %d on in %d values".formatted(rows, columns, offset, values.length));
        }
    }

    public FloatMatrix(float[] values, int rows, int columns) {
        this(values, 0, rows, columns);
    }

    /** Rounded to float32. */
    public static FloatMatrix of(Matrix matrix) {
        float[] values = new float[matrix.values().length];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) matrix.values()[i];
        }
        return new FloatMatrix(values, matrix.rows(), matrix.columns());
    }

    /** Rounded to float32. */
    static FloatMatrix of(double[][] rows, int columns) {
        FloatMatrix matrix = zeros(rows.length, columns);
        for (int row = 0; row < rows.length; row++) {
            for (int column = 0; column < columns; column++) {
                matrix.values[row * columns + column] = (float) rows[row][column];
            }
        }
        return matrix;
    }

    public static FloatMatrix zeros(int rows, int columns) {
        return new FloatMatrix(new float[Math.multiplyExact(rows, columns)], rows, columns);
    }

    /** By square tiles, so that a column's reads share cache lines. */
    public FloatMatrix transposed() {
        FloatMatrix transposed = zeros(columns, rows);
        for (int top = 0; top < rows; top += TILE) {
            int bottom = Math.min(rows, top + TILE);
            for (int left = 0; left < columns; left += TILE) {
                int right = Math.min(columns, left + TILE);
                for (int column = left; column < right; column++) {
                    for (int row = top; row < bottom; row++) {
                        transposed.values[column * rows + row] = values[offset + row * columns + column];
                    }
                }
            }
        }
        return transposed;
    }

    public FloatMatrix minus(FloatMatrix other) {
        if (rows != other.rows || columns != other.columns) {
            throw new IllegalArgumentException(
                    "[" + rows + ", " + columns + "] and [" + other.rows + ", " + other.columns + "]");
        }
        FloatMatrix difference = zeros(rows, columns);
        for (int i = 0; i < rows * columns; i++) {
            difference.values[i] = values[offset + i] - other.values[other.offset + i];
        }
        return difference;
    }

    /** The same numbers in an array of their own. */
    public FloatMatrix copy() {
        return new FloatMatrix(Arrays.copyOfRange(values, offset, offset + rows * columns), rows, columns);
    }

    /** The square of the Frobenius norm, in float64. */
    public double squaredNorm() {
        double sum = 0;
        for (int row = 0; row < rows; row++) {
            double ofRow = 0;
            for (int i = offset + row * columns; i < offset + (row + 1) * columns; i++) {
                ofRow += (double) values[i] * values[i];
            }
            sum += ofRow;
        }
        return sum;
    }

    /** Some of its rows: the same array. */
    public FloatMatrix rowRange(int first, int count) {
        return new FloatMatrix(values, offset + first * columns, count, columns);
    }
}

package io.doraxis.merge;

import java.util.Arrays;

/**
 * A matrix in float64, row by row. A weight [out, in, kernel...] is one of {@code out} rows: its columns are all the other
 * dimensions, in the order of the file.
 */
public record Matrix(int rows, int columns, double[] values) {
    public Matrix {
        if (values.length != Math.multiplyExact(rows, columns)) {
            throw new IllegalArgumentException(values.length + " values for [" + rows + ", " + columns + "]");
        }
    }

    static Matrix zeros(int rows, int columns) {
        return new Matrix(rows, columns, new double[Math.multiplyExact(rows, columns)]);
    }

    public double at(int row, int column) {
        return values[row * columns + column];
    }

    void add(int row, int column, double value) {
        values[row * columns + column] += value;
    }

    /** The matrix product [rows, other.columns]. */
    public Matrix times(Matrix other) {
        if (columns != other.rows) {
            throw new IllegalArgumentException(
                    "[" + rows + ", " + columns + "] x [" + other.rows + ", " + other.columns + "]");
        }
        Matrix product = zeros(rows, other.columns);
        for (int row = 0; row < rows; row++) {
            for (int inner = 0; inner < columns; inner++) {
                addScaled(
                        product.values,
                        row * other.columns,
                        at(row, inner),
                        other.values,
                        inner * other.columns,
                        other.columns);
            }
        }
        return product;
    }

    /** Adds a part of one array, scaled, to a part of another: a loop that the JIT makes vector instructions of. */
    private static void addScaled(double[] sum, int at, double factor, double[] values, int from, int count) {
        for (int i = 0; i < count; i++) {
            sum[at + i] += factor * values[from + i];
        }
    }

    /** The product of elements (Hadamard). */
    public Matrix hadamard(Matrix other) {
        return combined(other, (a, b) -> a * b);
    }

    public Matrix plus(Matrix other) {
        return combined(other, Double::sum);
    }

    public Matrix scaled(double factor) {
        Matrix scaled = zeros(rows, columns);
        for (int i = 0; i < values.length; i++) {
            scaled.values[i] = factor * values[i];
        }
        return scaled;
    }

    private interface Combination {
        double of(double left, double right);
    }

    private Matrix combined(Matrix other, Combination combination) {
        if (rows != other.rows || columns != other.columns) {
            throw new IllegalArgumentException(
                    "[" + rows + ", " + columns + "] and [" + other.rows + ", " + other.columns + "]");
        }
        Matrix result = zeros(rows, columns);
        for (int i = 0; i < values.length; i++) {
            result.values[i] = combination.of(values[i], other.values[i]);
        }
        return result;
    }

    /** The Kronecker product [rows * other.rows, columns * other.columns]: a block of {@code other} for each element. */
    public Matrix kronecker(Matrix other) {
        Matrix product = zeros(rows * other.rows, Math.multiplyExact(columns, other.columns));
        for (int row = 0; row < product.rows; row++) {
            for (int column = 0; column < product.columns; column++) {
                double left = at(row / other.rows, column / other.columns);
                product.add(row, column, left * other.at(row % other.rows, column % other.columns));
            }
        }
        return product;
    }

    public Matrix transposed() {
        Matrix transposed = zeros(columns, rows);
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                transposed.values[column * rows + row] = at(row, column);
            }
        }
        return transposed;
    }

    /** Some of its rows. */
    public Matrix rowRange(int first, int count) {
        return count == rows
                ? this
                : new Matrix(count, columns, Arrays.copyOfRange(values, first * columns, (first + count) * columns));
    }

    /** The same with other rows from {@code first} on. */
    public Matrix withRows(int first, Matrix others) {
        if (others.rows == rows) {
            return others;
        }
        double[] all = values.clone();
        System.arraycopy(others.values, 0, all, first * columns, others.values.length);
        return new Matrix(rows, columns, all);
    }

    /** The inverse of a square matrix, by elimination with partial pivoting. */
    Matrix inverse() {
        int n = rows;
        Matrix left = new Matrix(n, columns, values.clone());
        Matrix right = identity(n);
        for (int pivot = 0; pivot < n; pivot++) {
            int best = pivot;
            for (int row = pivot + 1; row < n; row++) {
                best = Math.abs(left.at(row, pivot)) > Math.abs(left.at(best, pivot)) ? row : best;
            }
            left.swapRows(pivot, best);
            right.swapRows(pivot, best);
            double inverse = 1 / left.at(pivot, pivot);
            left.scaleRow(pivot, inverse);
            right.scaleRow(pivot, inverse);
            for (int row = 0; row < n; row++) {
                if (row != pivot) {
                    double factor = -left.at(row, pivot);
                    left.addRow(row, pivot, factor);
                    right.addRow(row, pivot, factor);
                }
            }
        }
        return right;
    }

    static Matrix identity(int size) {
        Matrix identity = zeros(size, size);
        for (int i = 0; i < size; i++) {
            identity.values[i * size + i] = 1;
        }
        return identity;
    }

    private void swapRows(int a, int b) {
        for (int column = 0; column < columns; column++) {
            double kept = at(a, column);
            values[a * columns + column] = at(b, column);
            values[b * columns + column] = kept;
        }
    }

    void scaleRow(int row, double factor) {
        for (int column = 0; column < columns; column++) {
            values[row * columns + column] *= factor;
        }
    }

    private void addRow(int to, int from, double factor) {
        for (int column = 0; column < columns; column++) {
            add(to, column, factor * at(from, column));
        }
    }
}

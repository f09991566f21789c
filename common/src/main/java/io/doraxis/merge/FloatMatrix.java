package io.doraxis.merge;

/**
 * A matrix in float32, row by row, in a part of an array: a block of a weight's rows, or a factor.
 *
 * @param values of which the elements from {@code offset} on are the matrix
 */
public record FloatMatrix(float[] values, int offset, int rows, int columns) {
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
    static FloatMatrix of(Matrix matrix) {
        float[] values = new float[matrix.values().length];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) matrix.values()[i];
        }
        return new FloatMatrix(values, matrix.rows(), matrix.columns());
    }

    static FloatMatrix zeros(int rows, int columns) {
        return new FloatMatrix(new float[Math.multiplyExact(rows, columns)], rows, columns);
    }

    FloatMatrix transposed() {
        FloatMatrix transposed = zeros(columns, rows);
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                transposed.values[column * rows + row] = values[offset + row * columns + column];
            }
        }
        return transposed;
    }

    /** Some of its rows: the same array. */
    FloatMatrix rowRange(int first, int count) {
        return new FloatMatrix(values, offset + first * columns, count, columns);
    }
}

package io.doraxis.merge;

import java.util.List;

/**
 * Matrix products on one device: the part of a merge whose cost grows with the rank. Everything else, decoding, norms,
 * scaling and rounding, costs a few operations per element and is done beside it, where the bytes are.
 *
 * <p>An instance belongs to one thread at a time; the same call gives the same bits.
 */
public interface TensorKernel extends AutoCloseable {
    /** Stored in the merges table, such as {@code java-float32}. */
    String name();

    /** Stored in the merges table: {@code cpu}, or {@code gpu:} with the device's address. */
    String device();

    /**
     * Adds a scaled product, in float32 or wider: {@code sum += scale * left x right}. An element's error is at most
     * {@code (inner + 3) * 2^-24} of the sum of the magnitudes of what is added up in it. It overflows only if a part of
     * that sum does, scaled; NaN and infinity go where IEEE 754 takes them. A call that throws leaves {@code sum} as it was.
     *
     * @param sum [rows, columns]; shares no array with the factors
     * @param left [rows, inner]
     * @param right [inner, columns]
     * @throws IllegalArgumentException if the shapes do not fit
     * @throws DeviceMemoryException if the device has no memory for it
     */
    void addProduct(FloatMatrix sum, float scale, FloatMatrix left, FloatMatrix right);

    /** What was not done as asked for, in words: work that another device did. */
    default List<String> warnings() {
        return List.of();
    }

    /** Gives back what it holds of the device. */
    @Override
    default void close() {}

    /** @throws IllegalArgumentException if the shapes do not fit */
    static void requireFit(FloatMatrix sum, FloatMatrix left, FloatMatrix right) {
        if (left.columns() != right.rows() || sum.rows() != left.rows() || sum.columns() != right.columns()) {
            throw new IllegalArgumentException("[%d, %d] x [%d, %d] into [%d, %d]"
                    .formatted(left.rows(), left.columns(), right.rows(), right.columns(), sum.rows(), sum.columns()));
        }
    }
}

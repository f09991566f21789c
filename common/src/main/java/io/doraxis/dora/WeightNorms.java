package io.doraxis.dora;

import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.Shape;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The norms that a magnitude is initialised from (DoRA, arXiv 2402.09353; LyCORIS 4.1.3 {@code functional/general.py}).
 *
 * @param rows L2 norm of each output's weights, over inputs and kernel: [out]
 * @param columns L2 norm of each input's weights, over outputs and kernel: [in]
 */
public record WeightNorms(float[] rows, float[] columns) implements Serializable {
    private static final int CHUNK_ELEMENTS = 1 << 16;

    /** Whether a weight of that shape and type has norms: two dimensions or more, numbers, no more elements than fit. */
    public static boolean has(Shape shape, Dtype dtype) {
        return shape.rank() >= 2
                && FloatDecoder.decodes(dtype)
                && shape.elements() > 0
                && shape.dim(0) <= Integer.MAX_VALUE / 8
                && shape.dim(1) <= Integer.MAX_VALUE / 8;
    }

    /**
     * Streams a weight once; squares are summed in double.
     *
     * @param data the weight [out, in, kernel...], row-major and little-endian
     * @throws IOException if it ends early
     */
    public static WeightNorms of(Shape shape, Dtype dtype, InputStream data) throws IOException {
        int out = Math.toIntExact(shape.dim(0));
        int in = Math.toIntExact(shape.dim(1));
        long kernel = shape.from(2).elements();
        int width = dtype.bits() / 8;
        double[] rows = new double[out];
        double[] columns = new double[in];
        byte[] bytes = new byte[CHUNK_ELEMENTS * width];
        float[] values = new float[CHUNK_ELEMENTS];
        long left = shape.elements();
        int row = 0;
        int column = 0;
        long place = 0;
        while (left > 0) {
            int count = (int) Math.min(left, CHUNK_ELEMENTS);
            if (data.readNBytes(bytes, 0, count * width) < count * width) {
                throw new EOFException("the weight ends early");
            }
            FloatDecoder.decode(dtype, ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN), values, count);
            for (int i = 0; i < count; i++) {
                double square = (double) values[i] * values[i];
                rows[row] += square;
                columns[column] += square;
                if (++place == kernel) {
                    place = 0;
                    if (++column == in) {
                        column = 0;
                        row++;
                    }
                }
            }
            left -= count;
        }
        return new WeightNorms(roots(rows), roots(columns));
    }

    private static float[] roots(double[] squares) {
        float[] roots = new float[squares.length];
        for (int i = 0; i < roots.length; i++) {
            roots[i] = (float) Math.sqrt(squares[i]);
        }
        return roots;
    }
}

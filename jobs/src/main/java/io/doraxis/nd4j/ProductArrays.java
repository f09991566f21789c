package io.doraxis.nd4j;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.concurrency.AffinityManager.Location;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The arrays of one product outside the heap. A matrix of rows, as we have it, is to a BLAS one of columns, transposed; so
 * the factors change places, and nothing is turned round.
 */
final class ProductArrays implements AutoCloseable {
    private final int inner;

    /** [columns, rows] by columns: [rows, columns] by rows. */
    final INDArray sum;

    /** [inner, rows] */
    final INDArray left;

    /** [columns, inner] */
    final INDArray right;

    ProductArrays(int rows, int inner, int columns) {
        this.inner = inner;
        INDArray[] opened = new INDArray[3];
        try {
            opened[0] = opened(columns, rows);
            opened[1] = opened(inner, rows);
            opened[2] = opened(columns, inner);
        } catch (RuntimeException | OutOfMemoryError e) {
            for (INDArray each : opened) {
                if (each != null) {
                    each.close();
                }
            }
            throw e;
        }
        sum = opened[0];
        left = opened[1];
        right = opened[2];
    }

    private static INDArray opened(long rows, long columns) {
        return Nd4j.createUninitialized(DataType.FLOAT, new long[] {rows, columns}, 'f');
    }

    boolean fit(int rows, int inner, int columns) {
        return sum.size(1) == rows && this.inner == inner && sum.size(0) == columns;
    }

    /** {@code sum += scale * left x right}, of what the host has written and for the host to read. */
    void addProduct(float scale) {
        Nd4j.getAffinityManager().tagLocation(sum, Location.HOST);
        Nd4j.getAffinityManager().tagLocation(left, Location.HOST);
        Nd4j.getAffinityManager().tagLocation(right, Location.HOST);
        Nd4j.gemm(right, left, sum, false, false, scale, 1);
        Nd4j.getAffinityManager().ensureLocation(sum, Location.HOST);
    }

    @Override
    public void close() {
        sum.close();
        left.close();
        right.close();
    }
}

package io.doraxis.tensorfile;

import java.io.Serializable;
import java.util.Arrays;

/**
 * Dimensions of a tensor, outermost first. A dimension is an unsigned 64-bit number (the format allows up to 2^64-1 in
 * a tensor with no elements), kept in a {@code long}: compare for equality, or as unsigned.
 */
public final class Shape implements Serializable {
    private static final long serialVersionUID = 1;
    private static final Shape SCALAR = new Shape(new long[0]);

    private final long[] dims;

    private Shape(long[] dims) {
        this.dims = dims;
    }

    public static Shape of(long... dims) {
        return copyOf(dims, dims.length);
    }

    static Shape copyOf(long[] dims, int rank) {
        return rank == 0 ? SCALAR : new Shape(Arrays.copyOf(dims, rank));
    }

    /** Number of dimensions; 0 for a scalar. */
    public int rank() {
        return dims.length;
    }

    /** The dimension at that position, counted from 0. */
    public long dim(int index) {
        return dims[index];
    }

    /** The dimension at that position, or 1 where the shape has none: a scalar broadcasts. */
    public long dimOrOne(int index) {
        return index < dims.length ? dims[index] : 1;
    }

    /** The dimensions from {@code index} on: the kernel of a convolution's weight from 2 on. */
    public Shape from(int index) {
        return index >= dims.length ? SCALAR : new Shape(Arrays.copyOfRange(dims, index, dims.length));
    }

    /** Number of elements, or -1 when it does not fit a signed 64-bit number. */
    public long elements() {
        long product = 1;
        for (long dim : dims) {
            if ((product | dim) >>> 31 != 0) {
                return manyElements();
            }
            product *= dim;
        }
        return product;
    }

    private long manyElements() {
        long product = 1;
        for (long dim : dims) {
            if (dim == 0) {
                return 0;
            }
        }
        for (long dim : dims) {
            if (dim < 0 || Math.multiplyHigh(product, dim) != 0 || product * dim < 0) {
                return -1;
            }
            product *= dim;
        }
        return product;
    }

    /** Dimensions other than 1. */
    public int nonUnitDims() {
        int count = 0;
        for (long dim : dims) {
            if (dim != 1) {
                count++;
            }
        }
        return count;
    }

    public long[] toArray() {
        return dims.clone();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Shape && Arrays.equals(dims, ((Shape) other).dims);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(dims);
    }

    /** As a user reads it: {@code [320, 4, 3, 3]}. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder("[");
        for (int i = 0; i < dims.length; i++) {
            text.append(i == 0 ? "" : ", ").append(Long.toUnsignedString(dims[i]));
        }
        return text.append(']').toString();
    }
}

package io.doraxis.tensorfile;

import java.io.Serializable;

/**
 * One tensor as a header describes it.
 *
 * @param begin first byte of its data, counted from the start of the file; {@link #NOWHERE} where it cannot be told
 * @param end first byte after its data, counted from the start of the file
 * @param strides in elements, one per dimension; null where the elements follow each other as the shape counts them,
 *     as they always do in safetensors. A torch file may hold views: transposed, expanded or cut ones.
 */
public record TensorInfo(String name, Dtype dtype, Shape shape, long begin, long end, Shape strides)
        implements Serializable {
    /** The place of a tensor's data that only reading more of the file would tell. */
    public static final long NOWHERE = -1;

    /** A tensor whose elements follow each other. */
    public TensorInfo(String name, Dtype dtype, Shape shape, long begin, long end) {
        this(name, dtype, shape, begin, end, null);
    }

    /** Bytes from its first element to its last. */
    public long bytes() {
        return end - begin;
    }
}

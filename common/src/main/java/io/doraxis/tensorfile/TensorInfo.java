package io.doraxis.tensorfile;

import java.io.Serializable;

/**
 * One tensor as a header describes it.
 *
 * @param begin first byte of its data, counted from the start of the file
 * @param end first byte after its data, counted from the start of the file
 */
public record TensorInfo(String name, Dtype dtype, Shape shape, long begin, long end) implements Serializable {
    /** Size of its data in bytes. */
    public long bytes() {
        return end - begin;
    }
}

package io.doraxis.merge;

import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.TensorInfo;

/**
 * A tensor of the base as it is written.
 *
 * @param file which of the base's files it is in, from 0
 * @param source where and as what the base stores it
 * @param dtype as what it is written
 */
public record OutputTensor(int file, TensorInfo source, Dtype dtype) {
    /** Size as it is written; no element is narrower than a byte but where the dtype is the source's. */
    public long bytes() {
        return dtype == source.dtype() && source.strides() == null
                ? source.bytes()
                : source.shape().elements() * dtype.bits() / 8;
    }
}

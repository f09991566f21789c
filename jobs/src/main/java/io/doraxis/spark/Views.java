package io.doraxis.spark;

import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorInfo;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Tensors of torch files that are views: their elements do not follow each other as the shape counts them. */
final class Views {
    private Views() {}

    /** All from a tensor's first byte to its last, as a tensor whose elements follow each other. */
    static TensorInfo span(TensorInfo tensor) {
        return tensor.strides() == null
                ? tensor
                : new TensorInfo(
                        tensor.name(),
                        tensor.dtype(),
                        Shape.of(tensor.bytes() * 8 / tensor.dtype().bits()),
                        tensor.begin(),
                        tensor.end());
    }

    /** The elements of each tensor in the order of its shape, of data that knows their spans. */
    static TensorData inOrder(TensorData spans) {
        return tensor -> spans.bytes(span(tensor))
                .map(bytes -> tensor.strides() == null ? bytes : rowMajor(tensor, bytes))
                .map(bytes -> bytes.order(ByteOrder.LITTLE_ENDIAN));
    }

    /**
     * The elements of a view in the order of its shape.
     *
     * @param span from its first element on
     */
    static ByteBuffer rowMajor(TensorInfo view, ByteBuffer span) {
        int width = view.dtype().bits() / 8;
        byte[] gathered = new byte[Math.toIntExact(view.shape().elements() * width)];
        long[] dims = view.shape().toArray();
        long[] strides = view.strides().toArray();
        long[] index = new long[dims.length];
        for (int to = 0; to < gathered.length; to += width) {
            long from = 0;
            for (int i = 0; i < dims.length; i++) {
                from += index[i] * strides[i];
            }
            span.get(span.position() + Math.toIntExact(from * width), gathered, to, width);
            for (int i = dims.length - 1; i >= 0 && ++index[i] == dims[i]; i--) {
                index[i] = 0;
            }
        }
        return ByteBuffer.wrap(gathered);
    }
}

package io.doraxis.tensorfile;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import java.util.OptionalDouble;

/** The data of those tensors that happen to be in memory; a header alone holds no values. */
@FunctionalInterface
public interface TensorData {
    /** Of a file of which only the header was read. */
    TensorData NONE = tensor -> Optional.empty();

    /** The tensor's bytes, little-endian as in the file; empty too for a view, whose bytes are not only its own. */
    Optional<ByteBuffer> bytes(TensorInfo tensor);

    /** Of the first {@code length} bytes of a file: those tensors that end within them. */
    static TensorData ofHead(byte[] head, int length) {
        return tensor -> tensor.end() < 0 || tensor.end() > length || tensor.strides() != null
                ? Optional.empty()
                : Optional.of(ByteBuffer.wrap(head, (int) tensor.begin(), (int) tensor.bytes())
                        .slice()
                        .order(ByteOrder.LITTLE_ENDIAN));
    }

    /** The value of a tensor of one element; empty when it is not in memory or not one number. */
    default OptionalDouble scalar(TensorInfo tensor) {
        if (tensor.shape().elements() != 1) {
            return OptionalDouble.empty();
        }
        return bytes(tensor)
                .map(data -> ElementValue.read(tensor.dtype(), data, 0))
                .orElse(OptionalDouble.empty());
    }
}

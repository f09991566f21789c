package io.doraxis.tensorfile;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes safetensors files in the reference's manner: wide dtypes first, then by name, the header padded with spaces to
 * a multiple of eight, so that the data are aligned. The same tensors give the same bytes.
 */
public final class SafetensorsWriter {
    private static final Comparator<TensorInfo> LAYOUT = Comparator.comparing(
                    (TensorInfo tensor) -> -tensor.dtype().ordinal())
            .thenComparing(TensorInfo::name);

    private SafetensorsWriter() {}

    /** A tensor with its data, little-endian. */
    public record Tensor(String name, Dtype dtype, Shape shape, byte[] data) {
        /** A tensor of 32-bit floats. */
        public static Tensor ofFloats(String name, Shape shape, float... values) {
            ByteBuffer data = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
            for (float value : values) {
                data.putFloat(value);
            }
            return new Tensor(name, Dtype.F32, shape, data.array());
        }
    }

    /** Makes a tensor's data when they are written. */
    @FunctionalInterface
    public interface Contents<E extends Exception> {
        /** @return as many bytes as the tensor has, little-endian */
        byte[] of(TensorInfo tensor) throws IOException, E;
    }

    /** Writes a whole file. */
    public static void write(OutputStream out, List<Tensor> tensors, Map<String, String> metadata) throws IOException {
        Map<String, byte[]> data = new HashMap<>();
        List<TensorInfo> infos = new ArrayList<>();
        for (Tensor tensor : tensors) {
            data.put(tensor.name(), tensor.data());
            infos.add(new TensorInfo(tensor.name(), tensor.dtype(), tensor.shape(), 0, tensor.data().length));
        }
        write(out, infos, metadata, tensor -> data.get(tensor.name()));
    }

    /**
     * Writes a whole file, with one tensor's data in memory at a time.
     *
     * @param tensors whose places do not count, their sizes do
     * @param contents asked for in the file's order: of a dtype by their names
     */
    public static <E extends Exception> void write(
            OutputStream out, List<TensorInfo> tensors, Map<String, String> metadata, Contents<E> contents)
            throws IOException, E {
        List<TensorInfo> ordered = new ArrayList<>(tensors);
        ordered.sort(LAYOUT);
        out.write(header(ordered, metadata));
        for (TensorInfo tensor : ordered) {
            byte[] data = contents.of(tensor);
            if (data.length != tensor.bytes()) {
                throw new IllegalArgumentException(
                        "%d bytes for %s, which has %d".formatted(data.length, tensor.name(), tensor.bytes()));
            }
            out.write(data);
        }
    }

    /**
     * What stands before the data: the header's length and the header.
     *
     * @param tensors in the order of their data, which follow each other; their places do not count, their sizes do
     */
    public static byte[] header(List<TensorInfo> tensors, Map<String, String> metadata) {
        byte[] header = json(tensors, metadata);
        return ByteBuffer.allocate(SafetensorsReader.LENGTH_BYTES + header.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(header.length)
                .put(header)
                .array();
    }

    private static byte[] json(List<TensorInfo> tensors, Map<String, String> metadata) {
        StringBuilder json = new StringBuilder("{");
        if (!metadata.isEmpty()) {
            json.append("\"__metadata__\":{");
            metadata.forEach((key, value) ->
                    json.append(quoted(key)).append(':').append(quoted(value)).append(','));
            json.setCharAt(json.length() - 1, '}');
            json.append(',');
        }
        long offset = 0;
        for (TensorInfo tensor : tensors) {
            long end = offset + tensor.bytes();
            json.append(quoted(tensor.name()))
                    .append(":{\"dtype\":\"")
                    .append(tensor.dtype())
                    .append("\",\"shape\":")
                    .append(tensor.shape().toString().replace(" ", ""))
                    .append(",\"data_offsets\":[")
                    .append(offset)
                    .append(',')
                    .append(end)
                    .append("]},");
            offset = end;
        }
        if (json.length() > 1) {
            json.setLength(json.length() - 1);
        }
        json.append('}');
        byte[] bytes = json.toString().getBytes(StandardCharsets.UTF_8);
        byte[] padded = java.util.Arrays.copyOf(bytes, (bytes.length + 7) / 8 * 8);
        java.util.Arrays.fill(padded, bytes.length, padded.length, (byte) ' ');
        return padded;
    }

    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                quoted.append('\\').append(c);
            } else if (c < ' ') {
                quoted.append("\\u%04x".formatted((int) c));
            } else {
                quoted.append(c);
            }
        }
        return quoted.append('"').toString();
    }
}

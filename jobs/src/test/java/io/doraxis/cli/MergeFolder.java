package io.doraxis.cli;

import io.doraxis.store.ObjectStore;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.SafetensorsReader;
import io.doraxis.tensorfile.SafetensorsWriter;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;

/** A folder of files that merges read and write. */
record MergeFolder(Path path) {
    String at(String name) {
        return path.resolve(name).toString();
    }

    void write(String name, Tensor... tensors) throws IOException {
        Files.createDirectories(path.resolve(name).getParent());
        try (OutputStream out = Files.newOutputStream(path.resolve(name))) {
            SafetensorsWriter.write(out, List.of(tensors), Map.of("made", "here"));
        }
    }

    void writeText(String name, String text) throws IOException {
        Files.createDirectories(path.resolve(name).getParent());
        Files.writeString(path.resolve(name), text);
    }

    void delete(String name) throws IOException {
        Files.delete(path.resolve(name));
    }

    /** Merges one adapter of the folder into one base of it. */
    Called merge(String adapter, String base, String output, String... more) {
        Stream<String> args = Stream.of("merge", "--adapter", at(adapter), "--base", at(base), "--output", at(output));
        return Called.doraxis(Stream.concat(args, Stream.of(more)).toArray(String[]::new));
    }

    TensorIndex header(String name) throws Exception {
        byte[] bytes = Files.readAllBytes(path.resolve(name));
        ObjectStore store = new ObjectStore(new Configuration(false));
        return SafetensorsReader.read(store.reader(store.object(at(name))), bytes, bytes.length);
    }

    TensorInfo tensor(String file, String name) throws Exception {
        return header(file).tensors().stream()
                .filter(each -> each.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    /** A tensor's bytes. */
    byte[] data(String file, String name) throws Exception {
        byte[] bytes = Files.readAllBytes(path.resolve(file));
        ByteBuffer data =
                TensorData.ofHead(bytes, bytes.length).bytes(tensor(file, name)).orElseThrow();
        byte[] own = new byte[data.remaining()];
        data.get(own);
        return own;
    }

    double[] values(String file, String name) throws Exception {
        TensorInfo tensor = tensor(file, name);
        byte[] bytes = Files.readAllBytes(path.resolve(file));
        ByteBuffer data = TensorData.ofHead(bytes, bytes.length).bytes(tensor).orElseThrow();
        return FloatDecoder.doubles(
                tensor.dtype(), data, Math.toIntExact(tensor.shape().elements()));
    }

    /** Everything in it, by paths from here, sorted. */
    List<String> files() {
        try (Stream<Path> files = Files.walk(path)) {
            return files.filter(Files::isRegularFile)
                    .map(file -> path.relativize(file).toString())
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    byte[] bytes(String name) throws IOException {
        return Files.readAllBytes(path.resolve(name));
    }

    /** Numbers between -1 and 1 that are floats. */
    static float[] random(long seed, int count) {
        Random random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = 2 * random.nextFloat() - 1;
        }
        return values;
    }

    static Tensor randomTensor(String name, long seed, long... dims) {
        Shape shape = Shape.of(dims);
        return Tensor.ofFloats(name, shape, random(seed, Math.toIntExact(shape.elements())));
    }

    /** A tensor of another type, of bytes that stand for nothing. */
    static Tensor ofBytes(String name, Dtype dtype, int elements) {
        byte[] data = new byte[elements * dtype.bits() / 8];
        for (int i = 0; i < data.length; i++) {
            data[i] = (byte) (i + 1);
        }
        return new Tensor(name, dtype, Shape.of(elements), data);
    }

    /** A LoRA of LyCORIS' names, alpha its rank. */
    static Tensor[] lora(String module, long seed, int rank, int out, int in, int... kernel) {
        long[] down = new long[2 + kernel.length];
        long[] up = new long[2 + kernel.length];
        for (int i = 0; i < kernel.length; i++) {
            down[2 + i] = kernel[i];
            up[2 + i] = 1;
        }
        down[0] = rank;
        down[1] = in;
        up[0] = out;
        up[1] = rank;
        return new Tensor[] {
            randomTensor(module + ".lora_down.weight", seed, down),
            randomTensor(module + ".lora_up.weight", seed + 1, up),
            Tensor.ofFloats(module + ".alpha", Shape.of(), rank)
        };
    }

    static Tensor[] and(Tensor[] some, Tensor... more) {
        return Stream.concat(Stream.of(some), Stream.of(more)).toArray(Tensor[]::new);
    }
}

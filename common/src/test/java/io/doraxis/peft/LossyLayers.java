package io.doraxis.peft;

import io.doraxis.fixtures.FakeFile;
import io.doraxis.merge.FloatMatrix;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.MalformedTensorFileException;
import io.doraxis.tensorfile.SafetensorsReader;
import io.doraxis.tensorfile.SafetensorsWriter;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Layers as {@code low_rank.py} writes them. */
final class LossyLayers {
    private LossyLayers() {}

    static LossyLayer read(Path file) throws IOException, MalformedTensorFileException {
        byte[] bytes = Files.readAllBytes(file);
        TensorData data = TensorData.ofHead(bytes, bytes.length);
        Map<String, FloatMatrix> tensors = new HashMap<>();
        for (TensorInfo tensor :
                SafetensorsReader.read(FakeFile.of(bytes), bytes, bytes.length).tensors()) {
            float[] values = new float[(int) tensor.shape().elements()];
            FloatDecoder.decode(tensor.dtype(), data.bytes(tensor).orElseThrow(), values, values.length);
            tensors.put(
                    tensor.name(), new FloatMatrix(values, (int) tensor.shape().dim(0), (int)
                            tensor.shape().dim(1)));
        }
        return new LossyLayer(
                file.getFileName().toString(),
                tensors.get("base"),
                tensors.get("merged"),
                tensors.get("lora_B"),
                tensors.get("lora_A"),
                1);
    }

    /** Writes a form's tensors, under the last part of their names in PEFT. */
    static void write(LossyFit fit, Path file) throws IOException {
        List<SafetensorsWriter.Tensor> tensors = new ArrayList<>();
        tensors.add(tensor(
                "lora_A.weight", fit.loraA(), Shape.of(fit.rank(), fit.loraA().columns())));
        tensors.add(tensor("lora_B.weight", fit.loraB(), Shape.of(fit.loraB().rows(), fit.rank())));
        fit.magnitude()
                .ifPresent(magnitude ->
                        tensors.add(tensor("lora_magnitude_vector", magnitude, Shape.of(magnitude.rows()))));
        try (OutputStream out = Files.newOutputStream(file)) {
            SafetensorsWriter.write(out, tensors, Map.of());
        }
    }

    private static SafetensorsWriter.Tensor tensor(String name, FloatMatrix matrix, Shape shape) {
        return SafetensorsWriter.Tensor.ofFloats(name, shape, matrix.copy().values());
    }
}

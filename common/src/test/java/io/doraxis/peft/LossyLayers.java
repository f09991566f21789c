package io.doraxis.peft;

import io.doraxis.fixtures.FakeFile;
import io.doraxis.merge.FloatMatrix;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.MalformedTensorFileException;
import io.doraxis.tensorfile.SafetensorsReader;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
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
}

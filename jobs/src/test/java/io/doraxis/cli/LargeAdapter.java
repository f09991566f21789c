package io.doraxis.cli;

import io.doraxis.tensorfile.SafetensorsWriter;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** An adapter too large to be read whole, so that its alpha must be fetched. */
final class LargeAdapter {
    private static final int IN = 300_000;

    private LargeAdapter() {}

    static void write(Path file) throws IOException {
        List<Tensor> tensors = List.of(
                Tensor.ofFloats("lora_unet_a.lora_down.weight", Shape.of(4, IN), new float[4 * IN]),
                Tensor.ofFloats("lora_unet_a.lora_up.weight", Shape.of(8, 4), new float[32]),
                Tensor.ofFloats("lora_unet_a.alpha", Shape.of(), 2));
        try (OutputStream out = Files.newOutputStream(file)) {
            SafetensorsWriter.write(out, tensors, Map.of());
        }
    }
}

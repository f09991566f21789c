package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.doraxis.tensorfile.SafetensorsWriter;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** From base models to the axis of a square layer with a flat magnitude, by the commands. */
class AtlasIT {
    private static final int N = 64;

    @TempDir
    private static Path folder;

    private static Called atlas;
    private static Called audit;
    private static Row checkpoint;

    @BeforeAll
    static void run() throws IOException {
        Random random = new Random(3);
        float[] weight = new float[N * N];
        float[] magnitude = new float[N];
        for (int row = 0; row < N; row++) {
            double scale = Math.exp(0.5 * random.nextGaussian());
            for (int column = 0; column < N; column++) {
                weight[row * N + column] = (float) (scale * random.nextGaussian());
                magnitude[row] += weight[row * N + column] * weight[row * N + column];
            }
            magnitude[row] = (float) Math.sqrt(magnitude[row]);
        }
        write("bases/model.safetensors", Tensor.ofFloats("b.lin.weight", Shape.of(N, N), weight));
        write("bases/broken.safetensors");
        Files.write(folder.resolve("bases/broken.safetensors"), new byte[] {1, 2, 3});
        // over 4 MiB, so that the magnitude is not in memory with the header
        write(
                "hub/adapter.safetensors",
                Tensor.ofFloats("filler.alpha", Shape.of(1 << 20), new float[1 << 20]),
                Tensor.ofFloats("lycoris_b_lin.lora_down.weight", Shape.of(1, N), new float[N]),
                Tensor.ofFloats("lycoris_b_lin.lora_up.weight", Shape.of(N, 1), new float[N]),
                Tensor.ofFloats("lycoris_b_lin.dora_scale", Shape.of(N), magnitude));
        atlas = Called.doraxis("atlas", "--input", at("bases"), "--output", at("[atlas]"), "--master", "local[2]");
        audit = Called.doraxis(
                "audit", "--input", at("hub"), "--output", at("out"), "--atlas", at("[atlas]"), "--master", "local[2]");
        checkpoint = AuditTables.of(folder.resolve("out")).checkpoints().get(0);
    }

    private static String at(String name) {
        return folder.resolve(name).toString();
    }

    private static void write(String name, Tensor... tensors) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        try (OutputStream out = Files.newOutputStream(file)) {
            SafetensorsWriter.write(out, List.of(tensors), Map.of());
        }
    }

    @Test
    void theAtlasAccountsForEveryFile() throws IOException {
        assertThat(atlas.status()).as(atlas.err()).isZero();
        assertThat(atlas.out()).contains("1 weights of 1 models").contains("MODEL 1, TOO_SMALL 1");
        JsonNode record = AuditTables.runs(folder.resolve("[atlas]")).get(0);
        assertThat(record.get("weights").asInt()).isEqualTo(1);
        assertThat(record.get("bytes_read").asInt()).isEqualTo(4 * N * N);
    }

    @Test
    void theAxisIsLikelyByTheValues() {
        assertThat(audit.status()).as(audit.err()).isZero();
        assertThat(checkpoint.<String>getAs("axis")).isEqualTo("OUTPUT");
        assertThat(checkpoint.<String>getAs("axis_confidence")).isEqualTo("LIKELY");
        assertThat(checkpoint.<String>getAs("base_match")).contains("bases/model.safetensors, distance 0.0000");
    }

    @Test
    void onlyTheMagnitudeWasReadOfTheDataAndIsCounted() {
        assertThat(checkpoint.<Integer>getAs("requests")).isEqualTo(2);
        assertThat(checkpoint.<Long>getAs("bytes_read")).isLessThan(4096);
    }

    @Test
    void anAtlasThatIsNotThereIsSaidAtOnce() {
        Called called = Called.doraxis(
                "audit",
                "--input",
                at("hub"),
                "--output",
                at("other"),
                "--atlas",
                at("nowhere"),
                "--master",
                "local[2]");
        assertThat(called.status()).isEqualTo(1);
        assertThat(called.err()).contains("no atlas in " + at("nowhere") + ": make one with 'doraxis atlas --output");
        assertThat(folder.resolve("other")).doesNotExist();
    }
}

package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.fixtures.LocalCluster;
import io.doraxis.tensorfile.SafetensorsWriter;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Merges whose tasks have devices that nobody has: they reach the tasks, and the CPU computes. */
class GpuMergeIT {
    private static final int MERGES = 4;

    @TempDir
    private Path folder;

    private String write(String name, Tensor... tensors) throws IOException {
        Path file = folder.resolve(name);
        try (OutputStream out = Files.newOutputStream(file)) {
            SafetensorsWriter.write(out, List.of(tensors), Map.of());
        }
        return file.toString();
    }

    @Test
    void tasksAreToldTheirDeviceAndRowsWhyItDidNotCompute() throws Exception {
        String base = write("base.safetensors", Tensor.ofFloats("b.lin.weight", Shape.of(2, 2), 1, 2, 3, 4));
        StringBuilder plan = new StringBuilder("adapter,base,output\n");
        for (int i = 0; i < MERGES; i++) {
            String adapter = write(
                    "adapter-" + i + ".safetensors",
                    Tensor.ofFloats("lycoris_b_lin.lora_down.weight", Shape.of(1, 2), 1, i),
                    Tensor.ofFloats("lycoris_b_lin.lora_up.weight", Shape.of(2, 1), 1, 2));
            plan.append(adapter).append(',').append(base).append(',').append(folder.resolve("merged-" + i));
            plan.append(".safetensors\n");
        }
        Files.writeString(folder.resolve("plan.csv"), plan);
        LocalCluster cluster = new LocalCluster(folder);
        Map<String, String> settings = Map.of(
                "spark.worker.resource.gpu.amount", "2",
                "spark.worker.resource.gpu.discoveryScript",
                        cluster.gpus("3", "7").toString(),
                "spark.executor.resource.gpu.amount", "2");
        List<String> said = cluster.run(
                settings,
                Doraxis.class.getName(),
                "merge",
                "--plan",
                folder.resolve("plan.csv").toString(),
                "--output",
                folder.resolve("run").toString(),
                "--device",
                "auto",
                "--master",
                "local-cluster[1,2,1024]");
        assertThat(said).as(String.join("\n", said)).anyMatch(line -> line.contains(MERGES + " merges: 4 DONE"));
        Set<String> warnings = new HashSet<>();
        try (SparkSession spark = SparkSessions.open("test", "local[1]", 1)) {
            for (Row row : spark.read()
                    .parquet(folder.resolve("run/merges").toString())
                    .collectAsList()) {
                assertThat(row.<String>getAs("device")).isEqualTo("cpu");
                warnings.addAll(row.getList(row.fieldIndex("warnings")));
            }
        }
        assertThat(warnings)
                .isNotEmpty()
                .allMatch(warning ->
                        warning.matches("computed on the CPU, not on gpu [37]: ND4J computes on the CPU only in"
                                + " this build: build with -Pcuda"));
    }
}

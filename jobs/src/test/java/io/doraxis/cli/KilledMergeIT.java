package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.fixtures.LocalCluster;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A plan of many merges on several processes, one of which is killed midway. */
class KilledMergeIT {
    private static final int MERGES = 200;
    private static final int MIDWAY = 60;
    private static final int WIDTH = 256;
    private static final int RANK = 4;

    @TempDir
    private Path path;

    private MergeFolder folder;

    private void makeInputs() throws IOException {
        folder = new MergeFolder(path);
        folder.write(
                "base.safetensors",
                MergeFolder.randomTensor("b.one.weight", 1, WIDTH, WIDTH),
                MergeFolder.randomTensor("b.two.weight", 2, WIDTH, WIDTH),
                MergeFolder.randomTensor("b.other.weight", 3, WIDTH, WIDTH));
        for (int i = 0; i < MERGES; i++) {
            Tensor[] dora = MergeFolder.and(
                    MergeFolder.lora("lycoris_b_one", 10 * i + 10, RANK, WIDTH, WIDTH),
                    MergeFolder.randomTensor("lycoris_b_one.dora_scale", 10 * i + 12, 1, WIDTH));
            folder.write(
                    "adapter-" + i + ".safetensors",
                    MergeFolder.and(dora, MergeFolder.lora("lycoris_b_two", 10 * i + 13, RANK, WIDTH, WIDTH)));
        }
    }

    /** Every fifth merge writes a folder of several files. */
    private static String output(String run, int merge) {
        return run + "/merged-" + merge + (merge % 5 == 0 ? "" : ".safetensors");
    }

    private String plan(String run) throws IOException {
        String plan = IntStream.range(0, MERGES)
                .mapToObj(i -> folder.at("adapter-" + i + ".safetensors") + "," + folder.at("base.safetensors") + ","
                        + folder.at(output(run, i)) + "\n")
                .collect(Collectors.joining("", "adapter,base,output\n", ""));
        folder.writeText(run + ".csv", plan);
        return folder.at(run + ".csv");
    }

    private String[] merge(String run, String master) throws IOException {
        return new String[] {
            "merge",
            "--plan",
            plan(run),
            "--output",
            folder.at(run + "-tables"),
            "--max-shard-size",
            "400KB",
            "--master",
            master
        };
    }

    /** Outputs that are there, or begun: only their names are asked for, as files come and go meanwhile. */
    private int written(String run) {
        String[] names = path.resolve(run).toFile().list((folder, name) -> name.startsWith("merged-"));
        return names == null ? 0 : names.length;
    }

    /** The processes of the driver, which is one of this process. */
    private static List<ProcessHandle> executors() {
        return ProcessHandle.current()
                .children()
                .flatMap(ProcessHandle::children)
                .toList();
    }

    /** Each merge's row, but for what depends on the place and the time. */
    private Map<String, List<Object>> rows(String run) throws Exception {
        try (SparkSession spark = SparkSessions.open("test", "local[1]", 1)) {
            Map<String, List<Object>> rows = new TreeMap<>();
            for (Row row :
                    spark.read().parquet(folder.at(run + "-tables/merges")).collectAsList()) {
                rows.put(
                        Path.of(row.<String>getAs("output")).getFileName().toString(),
                        Stream.of(
                                        "status",
                                        "error_message",
                                        "output_digest",
                                        "input_digest",
                                        "tensors_written",
                                        "tensors_copied",
                                        "bytes_written",
                                        "max_change",
                                        "mean_change")
                                .<Object>map(row::getAs)
                                .toList());
            }
            return rows;
        }
    }

    @Test
    void aKilledProcessCostsTimeAndNothingElse() throws Exception {
        makeInputs();
        Called undisturbed = Called.doraxis(merge("alone", "local[1]"));
        assertThat(undisturbed.status()).as(undisturbed.err()).isZero();

        String[] command = Stream.concat(
                        Stream.of(Doraxis.class.getName()), Arrays.stream(merge("killed", "local-cluster[3,1,1024]")))
                .toArray(String[]::new);
        LocalCluster cluster = new LocalCluster(path.resolve("cluster"));
        CompletableFuture<List<String>> driver = CompletableFuture.supplyAsync(() -> {
            try {
                return cluster.run(Map.of(), command);
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        while (written("killed") < MIDWAY && !driver.isDone()) {
            TimeUnit.MILLISECONDS.sleep(20);
        }
        List<ProcessHandle> executors = executors();
        assertThat(executors).hasSizeGreaterThan(1);
        executors.get(0).destroyForcibly();
        assertThat(written("killed")).isLessThan(MERGES);

        List<String> said = driver.get(5, TimeUnit.MINUTES);
        assertThat(said).as(String.join("\n", said)).anyMatch(line -> line.contains("200 merges: 200 DONE"));
        assertThat(rows("killed")).hasSize(MERGES).isEqualTo(rows("alone"));
        List<String> alone = inRun("alone");
        assertThat(inRun("killed")).isEqualTo(alone);
        for (String file : alone) {
            assertThat(folder.bytes("killed/" + file)).as(file).isEqualTo(folder.bytes("alone/" + file));
        }
    }

    private List<String> inRun(String run) {
        return folder.files().stream()
                .filter(file -> file.startsWith(run + "/"))
                .filter(file -> !file.endsWith(".crc"))
                .map(file -> file.substring(run.length() + 1))
                .toList();
    }
}

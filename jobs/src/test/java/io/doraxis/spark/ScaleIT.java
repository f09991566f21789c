package io.doraxis.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.fixtures.LocalCluster;
import io.doraxis.fixtures.SyntheticHub;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Audits of synthetic hubs on a cluster of two executors whose driver has 1 GiB: what grows with the hub does not grow on the
 * driver. {@code -Ddoraxis.scale.objects=100000,300000,1000000} takes other sizes than a test's.
 */
class ScaleIT {
    private static final List<Integer> SIZES = Stream.of(
                    System.getProperty("doraxis.scale.objects", "1000,10000").split(","))
            .map(Integer::valueOf)
            .toList();

    /** What a driver's heap may differ by, whatever the size of the hub. */
    private static final long SLACK = 24 << 20;

    private static final List<Measured> RUNS = new ArrayList<>();

    @TempDir
    private static Path folder;

    private static Measured again;

    /** What a run said of itself. */
    private record Measured(
            long objects, long checkpoints, long requests, double seconds, double driver, double tasks, long heap) {
        static Measured of(String line) {
            String[] part = line.split(" ");
            return new Measured(
                    Long.parseLong(part[1]),
                    Long.parseLong(part[2]),
                    Long.parseLong(part[3]),
                    Double.parseDouble(part[4]),
                    Double.parseDouble(part[5]),
                    Double.parseDouble(part[6]),
                    Long.parseLong(part[7]));
        }
    }

    private static Measured audit(int objects, int changedEvery, Path output, String... previous)
            throws IOException, InterruptedException {
        Map<String, String> settings = new TreeMap<>();
        settings.put("spark.master", "local-cluster[2,1,1024]");
        settings.put("spark.executor.memory", "1g");
        settings.put("spark.local.dir", folder.toString());
        settings.put("spark.sql.shuffle.partitions", "16");
        settings.put("spark.sql.parquet.compression.codec", "zstd");
        SyntheticHub.options(changedEvery).forEach((name, value) -> settings.put("spark.hadoop." + name, value));
        List<String> main =
                new ArrayList<>(List.of(ScaleMain.class.getName(), String.valueOf(objects), output.toString()));
        main.addAll(List.of(previous));
        List<String> said =
                new LocalCluster(folder.resolve("cluster"), "1g", 120).run(settings, main.toArray(String[]::new));
        Measured measured = said.stream()
                .filter(line -> line.startsWith("measured "))
                .findFirst()
                .map(Measured::of)
                .orElseThrow(() -> new AssertionError(String.join("\n", said)));
        System.out.println("objects %,d%s: %s, table bytes %,d"
                .formatted(objects, previous.length == 0 ? "" : " again", measured, bytes(output)));
        return measured;
    }

    private static long bytes(Path output) throws IOException {
        try (Stream<Path> files = Files.walk(output)) {
            return files.filter(file -> file.toString().endsWith(".parquet"))
                    .mapToLong(file -> file.toFile().length())
                    .sum();
        }
    }

    @BeforeAll
    static void auditAll() throws IOException, InterruptedException {
        for (int size : SIZES) {
            RUNS.add(audit(size, 0, output(size)));
        }
        Path first = output(SIZES.get(0));
        again = audit(SIZES.get(0), 100, first, first.toString());
    }

    private static Path output(int size) {
        return folder.resolve("out-" + size);
    }

    @Test
    void everyCheckpointOfTheHubIsThere() {
        assertThat(RUNS)
                .allSatisfy(run -> assertThat(run.checkpoints * SyntheticHub.OBJECTS)
                        .isEqualTo(run.objects * SyntheticHub.CHECKPOINTS));
    }

    @Test
    void theDriversHeapDoesNotGrowWithTheHub() {
        assertThat(RUNS).allSatisfy(run -> assertThat(run.heap).isLessThan(RUNS.get(0).heap + SLACK));
    }

    /** Six of seven are read with the card of their repository, one with its configuration. */
    @Test
    void ofAHubThatChangedALittleOnlyThatIsRead() {
        assertThat(again.requests).isEqualTo(2 * ((again.checkpoints + 99) / 100));
    }
}

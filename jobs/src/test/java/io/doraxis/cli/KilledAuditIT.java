package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A process that is killed while it writes, and the run after it. */
class KilledAuditIT {
    @TempDir
    private static Path folder;

    @Test
    void aRunAfterAKilledOneGivesTheTableOfAnUndisturbedRun() throws Exception {
        Path hub = folder.resolve("hub");
        DemoHub.write(hub, 1500);
        Path undisturbed = folder.resolve("undisturbed");
        Path disturbed = folder.resolve("disturbed");
        assertThat(audit(hub, undisturbed).status()).isZero();

        killWhileItWrites(hub, disturbed);
        assertThat(disturbed.resolve("checkpoints")).isNotEmptyDirectory();
        assertThat(disturbed.resolve("runs")).isEmptyDirectory();

        assertThat(audit(hub, disturbed).status()).isZero();
        AuditTables expected = AuditTables.of(undisturbed);
        AuditTables found = AuditTables.of(disturbed);
        assertThat(comparable(found.checkpoints())).isEqualTo(comparable(expected.checkpoints()));
        assertThat(comparable(found.modules())).isEqualTo(comparable(expected.modules()));
        assertThat(AuditTables.runs(disturbed)).hasSize(1);
    }

    private static Called audit(Path hub, Path output) {
        return Called.doraxis(
                "audit", "--input", hub.toString(), "--output", output.toString(), "--master", "local[2]");
    }

    private static List<String> comparable(List<Row> rows) {
        return AuditTables.comparable(rows, "hub");
    }

    private static void killWhileItWrites(Path hub, Path output) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "@../conf/spark-java.options",
                        "-cp",
                        System.getProperty("java.class.path"),
                        "io.doraxis.cli.Doraxis",
                        "audit",
                        "--input",
                        hub.toString(),
                        "--output",
                        output.toString(),
                        "--master",
                        "local[1]")
                .redirectErrorStream(true)
                .start();
        try (BufferedReader said = process.inputReader(StandardCharsets.UTF_8)) {
            String line = said.readLine();
            while (line != null && !line.startsWith("reading")) {
                line = said.readLine();
            }
            assertThat(line).as("the audit must come as far as reading").isNotNull();
            while (process.isAlive() && !hasWritten(output)) {
                Thread.onSpinWait();
            }
        } finally {
            process.destroyForcibly().waitFor();
        }
    }

    /** Whether a task has begun a file of the table. */
    private static boolean hasWritten(Path output) throws IOException {
        Path table = output.resolve("checkpoints");
        if (!Files.exists(table)) {
            return false;
        }
        try (Stream<Path> files = Files.walk(table)) {
            return files.anyMatch(file -> file.toString().endsWith(".parquet"));
        } catch (java.io.UncheckedIOException e) {
            return false; // a file went away while it was listed
        }
    }
}

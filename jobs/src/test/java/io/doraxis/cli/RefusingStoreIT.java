package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.doraxis.fixtures.GuardedFileSystem;
import io.doraxis.tensorfile.SafetensorsWriter;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A store with folders that refuses a folder, a file, or the second reading of one. */
class RefusingStoreIT {
    private static final Map<String, String> OPTIONS = GuardedFileSystem.options(
            ".*/(secret|org04/peft-dora-000004/adapter_config.json)", ".*/broken.safetensors");

    @TempDir
    private static Path folder;

    @BeforeAll
    static void makeHub() throws IOException {
        OPTIONS.forEach((key, value) -> System.setProperty("spark.hadoop." + key, value));
        DemoHub.write(folder.resolve("hub"), 10);
        model("hub/a/b/c/secret/model.safetensors");
        model("bases/model.safetensors");
        model("bases/broken.safetensors");
    }

    @AfterAll
    static void forget() {
        OPTIONS.keySet().forEach(key -> System.clearProperty("spark.hadoop." + key));
    }

    private static void model(String name) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        try (OutputStream out = Files.newOutputStream(file)) {
            SafetensorsWriter.write(
                    out,
                    List.of(
                            Tensor.ofFloats("b.one.weight", Shape.of(1, 2), 3, 4),
                            Tensor.ofFloats("b.two.weight", Shape.of(1, 2), 3, 4)),
                    Map.of());
        }
    }

    private static Called called(String command, String input, String output, String... more) {
        String[] args = {
            command,
            "--input",
            GuardedFileSystem.uri(folder.resolve(input)),
            "--output",
            folder.resolve(output).toString(),
            "--master",
            "local[1]"
        };
        return Called.doraxis(Stream.concat(Stream.of(args), Stream.of(more)).toArray(String[]::new));
    }

    private static Row row(AuditTables tables, String uri) {
        return tables.checkpoints().stream()
                .filter(row -> row.<String>getAs("uri").endsWith(uri))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void aFolderThatCannotBeListedAndAConfigurationThatCannotBeReadAreRowsAndEndWithTwo() throws IOException {
        Called audit = called("audit", "hub", "out");
        assertThat(audit.status()).as(audit.err()).isEqualTo(2);
        assertThat(audit.err()).contains("the store failed on 2 of 11 checkpoints");

        AuditTables tables = AuditTables.of(folder.resolve("out"));
        assertThat(row(tables, "/hub/a/b/c/secret").<String>getAs("status")).isEqualTo("STORE_ERROR");
        Row peft = row(tables, "/peft-dora-000004");
        assertThat(peft.<String>getAs("status")).isEqualTo("PARTIAL");
        assertThat(peft.<String>getAs("error_code")).isEqualTo("STORE_FORBIDDEN");
    }

    @Test
    void aShareOfErrorsMayBeAllowed() {
        assertThat(called("audit", "hub", "allowed", "--max-store-errors", "0.2")
                        .status())
                .isZero();
    }

    @Test
    void aPartlyRefusedCheckpointIsExplainedAndEndsWithTwo() {
        Called explain = Called.doraxis("explain", GuardedFileSystem.uri(folder.resolve("hub/org04/peft-dora-000004")));
        assertThat(explain.status()).isEqualTo(2);
        assertThat(explain.out()).contains("Read in part").contains("STORE_FORBIDDEN");
    }

    @Test
    void aModelThatCannotBeReadToItsEndIsCountedAndTheOthersAreWritten() throws IOException {
        Called atlas = called("atlas", "bases", "atlas");
        assertThat(atlas.status()).as(atlas.err()).isEqualTo(2);
        assertThat(atlas.out()).contains("2 weights of 1 models, 16 bytes").contains("MODEL 1, STORE_FORBIDDEN 1");
        assertThat(atlas.err()).contains("the store failed on 1 files");
        JsonNode record = AuditTables.runs(folder.resolve("atlas")).get(0);
        assertThat(record.get("weights").asInt()).isEqualTo(2);
    }
}

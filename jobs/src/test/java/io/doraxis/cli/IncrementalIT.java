package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.junit.jupiter.api.MethodOrderer.OrderAnnotation;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;

/** An audit that goes on from an earlier one, against one that starts anew. */
@TestMethodOrder(OrderAnnotation.class)
class IncrementalIT {
    @TempDir
    private static Path folder;

    private static Called audit(String output, String... more) {
        List<String> args = new ArrayList<>(List.of(
                "audit",
                "--input",
                folder.resolve("hub").toString(),
                "--output",
                folder.resolve(output).toString(),
                "--master",
                "local[2]"));
        args.addAll(List.of(more));
        return Called.doraxis(args.toArray(String[]::new));
    }

    private static JsonNode lastRun(String output) throws IOException {
        List<JsonNode> runs = AuditTables.runs(folder.resolve(output));
        return runs.get(runs.size() - 1);
    }

    private static SparkSession session() {
        return SparkSession.builder()
                .master("local[1]")
                .config("spark.ui.enabled", "false")
                .config("spark.driver.bindAddress", "127.0.0.1")
                .config("spark.driver.host", "127.0.0.1")
                .getOrCreate();
    }

    private static List<Row> rows(String table, JsonNode run) throws IOException {
        try (SparkSession spark = session()) {
            String id = run.get("run_id").asText();
            return spark.read()
                    .parquet(folder.resolve("out/" + table + "/run_id=" + id).toString())
                    .collectAsList();
        }
    }

    private static Path file(String repository) throws IOException {
        try (Stream<Path> files = Files.walk(folder.resolve("hub"))) {
            return files.filter(file -> file.toString().contains(repository))
                    .filter(file -> file.toString().endsWith(".safetensors"))
                    .findFirst()
                    .orElseThrow();
        }
    }

    @Test
    @Order(1)
    void onlyWhatChangedIsRead() throws IOException {
        DemoHub.write(folder.resolve("hub"), 40);
        assertThat(audit("out").status()).isZero();
        JsonNode first = lastRun("out");
        assertThat(first.get("previous").isNull()).isTrue();

        Path changed = file("lycoris-input-000000");
        Files.copy(file("lycoris-output-000002"), changed, StandardCopyOption.REPLACE_EXISTING);
        Path gone = file("lycoris-input-000010");
        Files.delete(gone);
        Path made = folder.resolve("hub/org00/made.safetensors");
        Files.copy(file("lycoris-output-000012"), made);

        Called again = audit("out", "--previous", folder.resolve("out").toString());
        assertThat(again.status()).as(again.err()).isZero();
        assertThat(again.out())
                .contains("since " + first.get("run_id").asText()
                        + "  UNCHANGED 38, NEW 1, CHANGED 1, VANISHED 1; 38 carried over");
        JsonNode second = lastRun("out");
        assertThat(second.get("checkpoints").asInt()).isEqualTo(40);
        assertThat(second.get("requests").asInt()).isEqualTo(2);
        assertThat(second.get("bytes_read").asLong())
                .isBetween(1L, first.get("bytes_read").asLong() / 10);
        Map<String, String> changes = rows("changes", second).stream()
                .collect(Collectors.toMap(row -> row.getString(0), row -> row.getString(1)));
        assertThat(changes)
                .isEqualTo(Map.of("file:" + changed, "CHANGED", "file:" + gone, "VANISHED", "file:" + made, "NEW"));
    }

    @Test
    @Order(2)
    void theTablesAreThoseOfARunFromTheStart() throws IOException {
        assertThat(audit("anew").status()).isZero();
        AuditTables anew = AuditTables.of(folder.resolve("anew"));
        JsonNode run = lastRun("out");
        assertThat(comparable(rows("checkpoints", run))).isEqualTo(comparable(anew.checkpoints()));
        assertThat(comparable(rows("modules", run))).isEqualTo(comparable(anew.modules()));
        assertThat(rows("checkpoints", run).stream()
                        .map(row -> row.<Object>getAs("scanned_at"))
                        .distinct())
                .hasSize(2);
        assertThat(run.get("statuses")).isEqualTo(lastRun("anew").get("statuses"));
        assertThat(run.get("modules")).isEqualTo(lastRun("anew").get("modules"));
    }

    private static List<String> comparable(List<Row> rows) {
        return AuditTables.comparable(rows, "hub");
    }

    @Test
    @Order(3)
    void whatOtherRulesSaidIsSaidAnewWithoutReading() throws IOException {
        String id = lastRun("out").get("run_id").asText();
        for (String table : List.of("checkpoints", "modules")) {
            try (SparkSession spark = session()) {
                Dataset<Row> rows = spark.read()
                        .parquet(
                                folder.resolve("out/" + table + "/run_id=" + id).toString());
                boolean predicts = Arrays.asList(rows.columns()).contains("consumers");
                (predicts
                                ? rows.withColumn("consumers", functions.expr("map_filter(consumers, (k, v) -> false)"))
                                : rows)
                        .write()
                        .parquet(
                                folder.resolve("old/" + table + "/run_id=" + id).toString());
            }
        }
        Files.createDirectories(folder.resolve("old/runs"));
        String record = Files.readString(folder.resolve("out/runs/" + id + ".json"));
        Files.writeString(
                folder.resolve("old/runs/" + id + ".json"),
                record.replaceAll("\"rules_version\" : \"[^\"]+\"", "\"rules_version\" : \"1\""));

        Called again = audit("out", "--previous", folder.resolve("old").toString());
        assertThat(again.out()).contains("UNCHANGED 40; 40 carried over");
        JsonNode run = lastRun("out");
        assertThat(run.get("requests").asInt()).isZero();
        assertThat(comparable(rows("checkpoints", run)))
                .isEqualTo(comparable(AuditTables.of(folder.resolve("anew")).checkpoints()));
    }

    @Test
    @Order(4)
    void withOtherOptionsAllIsReadAgainAndTheRecordSaysWhy() throws IOException {
        String record = "runs/" + lastRun("out").get("run_id").asText() + ".json";
        Called again = audit(
                "out",
                "--values",
                "all",
                "--previous",
                folder.resolve("out").resolve(record).toString());
        assertThat(again.out()).contains("UNCHANGED 40; 0 carried over: its --values was NONE");
        JsonNode run = lastRun("out");
        assertThat(run.get("previous").get("read_again_because").asText()).isEqualTo("its --values was NONE");
        assertThat(run.get("requests").asInt()).isGreaterThanOrEqualTo(40);
    }

    @Test
    @Order(5)
    void aFolderWithoutAFinishedAuditIsSaidAtOnce() {
        Called none = audit("none", "--previous", folder.resolve("hub").toString());
        assertThat(none.status()).isEqualTo(1);
        assertThat(none.err()).startsWith("doraxis: no audit that ended in " + folder.resolve("hub"));
        assertThat(folder.resolve("none")).doesNotExist();
    }

    @Test
    @Order(6)
    void aManifestOfTheObjectsGivesTheRowsOfTheListing() throws IOException {
        Path manifest = folder.resolve("list.txt");
        try (Stream<Path> files = Files.walk(folder.resolve("hub"))) {
            Files.write(
                    manifest,
                    Stream.concat(files.filter(Files::isRegularFile), Stream.of(Path.of("none.safetensors")))
                            .map(Path::toString)
                            .toList());
        }
        Called named = Called.doraxis(
                "audit",
                "--manifest",
                manifest.toString(),
                "--output",
                folder.resolve("named").toString(),
                "--master",
                "local[2]");
        assertThat(named.status()).as(named.err()).isEqualTo(2);
        List<Row> rows = new ArrayList<>(AuditTables.of(folder.resolve("named")).checkpoints());
        Row missing = rows.stream()
                .filter(row -> row.<String>getAs("uri").endsWith("/none.safetensors"))
                .findFirst()
                .orElseThrow();
        assertThat(missing.<String>getAs("error_code")).isEqualTo("STORE_NOT_FOUND");
        rows.remove(missing);
        assertThat(comparable(rows))
                .isEqualTo(comparable(AuditTables.of(folder.resolve("anew")).checkpoints()));
    }
}

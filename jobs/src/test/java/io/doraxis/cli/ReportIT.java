package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reports on an audit of two runs. */
class ReportIT {
    @TempDir
    private static Path folder;

    private static Path audit;
    private static JsonNode report;

    @BeforeAll
    static void report() throws IOException {
        audit = ReportedHub.audit();
        report = json();
    }

    private static Called report(String... more) {
        List<String> args = new ArrayList<>(List.of("report", "--audit", audit.toString(), "--master", "local[2]"));
        args.addAll(List.of(more));
        return Called.doraxis(args.toArray(String[]::new));
    }

    private static String written(String format, String... more) throws IOException {
        Path file = folder.resolve("report." + format);
        List<String> args = new ArrayList<>(List.of("--output", file.toString(), "--format", format));
        args.addAll(List.of(more));
        Called called = report(args.toArray(String[]::new));
        assertThat(called.status()).as(called.err()).isZero();
        return Files.readString(file);
    }

    private static JsonNode json(String... more) throws IOException {
        return new ObjectMapper().readTree(written("json", more));
    }

    private static JsonNode change(String what, String from, String to) {
        for (JsonNode change : report.at("/differences/changes")) {
            if (change.get("what").asText().equals(what)
                    && change.get("from").asText().equals(from)
                    && change.get("to").asText().equals(to)) {
                return change;
            }
        }
        throw new AssertionError("no such change in " + report.at("/differences"));
    }

    @Test
    void theNumbersAddUp() throws IOException {
        long verdicts = 0;
        for (JsonNode count : report.get("verdicts")) {
            verdicts += count.asLong();
        }
        assertThat(verdicts).isEqualTo(report.at("/run/checkpoints").asLong()).isEqualTo(ReportedHub.CHECKPOINTS);
        for (JsonNode consumer : report.get("consumers")) {
            long adapters = 0;
            for (JsonNode count : consumer.get("outcomes")) {
                adapters += count.asLong();
            }
            assertThat(adapters).isEqualTo(report.at("/run/adapters").asLong());
        }
        assertThat(report.at("/algorithms/LORA/AMBIGUOUS").asLong()).isEqualTo(4);
        assertThat(report.at("/verdicts/UNREADABLE").asLong()).isEqualTo(5);
        assertThat(report.get("errors").findValuesAsText("code")).contains("EMPTY_OBJECT", "GIT_LFS_POINTER");
        assertThat(report.get("trend")).hasSize(2);
    }

    @Test
    void consumersAreInOrderOfHarm() throws IOException {
        long before = Long.MAX_VALUE;
        for (JsonNode consumer : report.get("consumers")) {
            long wrong = consumer.at("/outcomes/SILENTLY_WRONG").asLong();
            assertThat(wrong).isLessThanOrEqualTo(before);
            before = wrong;
        }
    }

    @Test
    void whatChangedSinceTheRunBeforeIsCountedWithExamples() throws IOException {
        assertThat(report.at("/differences/appeared").asLong()).isEqualTo(2);
        assertThat(report.at("/differences/gone").asLong()).isEqualTo(1);
        JsonNode wrong = change("a1111@1.10", "EXACT", "SILENTLY_WRONG");
        assertThat(wrong.get("checkpoints").asLong()).isEqualTo(1);
        assertThat(wrong.get("same_files").asLong()).isZero();
        assertThat(wrong.at("/examples/0").asText()).endsWith("org00/plain-000007/lora.safetensors");
        assertThat(change("status", "OK", "MALFORMED").at("/examples/0").asText())
                .endsWith("org04/peft-dora-000004");
        assertThat(change("axis", "NONE", "OUTPUT").get("checkpoints").asLong()).isEqualTo(1);
        assertThat(report.at("/differences/changes/0/to").asText()).isEqualTo("SILENTLY_WRONG");
    }

    @Test
    void aNamedRunIsReportedWithThoseBeforeIt() throws IOException {
        String first = AuditTables.runs(audit).get(0).get("run_id").asText();
        JsonNode earlier = json("--run", first);
        assertThat(earlier.at("/run/run_id").asText()).isEqualTo(first);
        assertThat(earlier.get("trend")).hasSize(1);
        assertThat(earlier.get("differences").isNull()).isTrue();
    }

    @Test
    void theAuditWroteThePageThatTheCommandWrites() throws IOException {
        assertThat(written("html")).isEqualTo(Files.readString(ReportedHub.page()));
    }

    @Test
    void markdownSaysWhatChanged() throws IOException {
        assertThat(written("markdown")).contains("# Doraxis report", "2 checkpoints appeared, 1 are gone.");
    }

    @Test
    void sarifHasAResultForEachThatIsWrongOrUnreadable() throws IOException {
        JsonNode verdicts = report.get("verdicts");
        JsonNode results = new ObjectMapper().readTree(written("sarif")).at("/runs/0/results");
        assertThat(results)
                .hasSize(verdicts.path("SILENTLY_WRONG").asInt()
                        + verdicts.path("UNREADABLE").asInt()
                        + verdicts.path("AMBIGUOUS").asInt());
    }

    @Test
    void whereTheTableBeforeWasRemovedTheTrendStays() throws IOException {
        Path pruned = folder.resolve("pruned");
        String latest = "run_id=" + report.at("/run/run_id").asText();
        try (Stream<Path> files = Files.walk(audit)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                String name = audit.relativize(file).toString();
                if (name.startsWith("runs/") || name.contains(latest)) {
                    Path copy = pruned.resolve(name);
                    Files.createDirectories(copy.getParent());
                    Files.copy(file, copy);
                }
            }
        }
        Path page = folder.resolve("pruned.json");
        Called called = Called.doraxis(
                "report",
                "--audit",
                pruned.toString(),
                "--output",
                page.toString(),
                "--format",
                "json",
                "--master",
                "local[2]");
        assertThat(called.status()).as(called.err()).isZero();
        JsonNode rest = new ObjectMapper().readTree(page.toFile());
        assertThat(rest.get("trend")).hasSize(2);
        assertThat(rest.get("differences").isNull()).isTrue();
    }

    @Test
    void aFolderWithoutAnAuditIsSaidAndLeavesNoFile() {
        Path output = folder.resolve("none.html");
        Called called = Called.doraxis(
                "report", "--audit", folder.toString(), "--output", output.toString(), "--master", "local[1]");
        assertThat(called.status()).isEqualTo(1);
        assertThat(called.err()).startsWith("doraxis: no run of an audit has ended in " + folder);
        assertThat(output).doesNotExist();
    }

    @Test
    void aFolderIsNoReport() {
        Called called = report("--output", folder.toString());
        assertThat(called.status()).isEqualTo(1);
        assertThat(called.err()).startsWith("doraxis: the report is to be a file, and this is a folder: " + folder);
    }

    @Test
    void anAuditOfNothingHasAPage() throws IOException {
        Path page = folder.resolve("nothing.html");
        Called called = Called.doraxis(
                "audit",
                "--input",
                Files.createDirectories(folder.resolve("empty")).toString(),
                "--output",
                folder.resolve("of-nothing").toString(),
                "--report",
                page.toString(),
                "--master",
                "local[1]");
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(Files.readString(page)).contains("data-rows=\"0\"");
    }

    @Test
    void aRunThatIsNotThereIsSaid() {
        Called called = report("--output", folder.resolve("none.html").toString(), "--run", "r20200101T000000Z-dead");
        assertThat(called.status()).isEqualTo(1);
        assertThat(called.err()).startsWith("doraxis: no run r20200101T000000Z-dead of an audit has ended in " + audit);
    }
}

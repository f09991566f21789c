package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The audit from its call to the tables, on a local hub. */
class AuditIT {
    private static final int FILES = 40;

    @TempDir
    private static Path folder;

    private static Path output;
    private static Called called;
    private static AuditTables tables;
    private static JsonNode run;

    @BeforeAll
    static void audit() throws IOException {
        Path hub = folder.resolve("hub with ü");
        DemoHub.write(hub, FILES);
        Files.createSymbolicLink(hub.resolve("loop"), hub);
        output = folder.resolve("out");
        Path unfinished = output.resolve("checkpoints/run_id=r20200101T000000Z-dead/part-0.parquet");
        Files.createDirectories(unfinished.getParent());
        Files.writeString(unfinished, "what a killed run left");
        called = Called.doraxis(
                "audit",
                "--input",
                hub.toString(),
                "--output",
                output.toString(),
                "--master",
                "local[2]",
                "--fail-on",
                "peft@0.21:REJECTS");
        tables = AuditTables.of(output);
        run = AuditTables.runs(output).get(0);
    }

    private static Row checkpoint(String repository) {
        return tables.checkpoints().stream()
                .filter(row -> row.<String>getAs("uri").contains(repository))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void aMetConditionEndsWithItsOwnStatus() {
        assertThat(called.status()).isEqualTo(3);
    }

    @Test
    void theSummaryTellsTheVerdicts() {
        assertThat(called.out())
                .contains("56 objects: 52 in 40 checkpoints, 4 ignored")
                .contains("status        OK 36, MALFORMED 4")
                .contains("adapter axis  OUTPUT 16, NONE 8, AMBIGUOUS 4, INPUT 4");
    }

    @Test
    void everyListedObjectIsAccountedFor() {
        long ignored = 0;
        for (JsonNode count : run.get("objects_ignored")) {
            ignored += count.asLong();
        }
        assertThat(run.get("objects_listed").asLong())
                .isEqualTo(run.get("objects_in_checkpoints").asLong() + ignored);
        long statuses = 0;
        for (JsonNode count : run.get("statuses")) {
            statuses += count.asLong();
        }
        assertThat(run.get("checkpoints").asLong()).isEqualTo(statuses).isEqualTo(FILES);
        assertThat(tables.checkpoints()).hasSize(FILES);
        assertThat(run.get("modules").asLong()).isEqualTo(tables.modules().size());
    }

    @Test
    void aLinkToAFolderAboveIsNotFollowed() {
        assertThat(tables.checkpoints())
                .noneMatch(row -> row.<String>getAs("uri").contains("loop"));
    }

    @Test
    void axesAreThoseOfTheHub() {
        Map<String, List<String>> axes = tables.checkpoints().stream()
                .filter(row -> "ADAPTER".equals(row.getAs("kind")))
                .collect(Collectors.groupingBy(
                        row -> row.<String>getAs("uri").replaceAll(".*/org../([a-z-]+)-\\d.*", "$1"),
                        Collectors.mapping(row -> row.<String>getAs("axis"), Collectors.toList())));
        assertThat(axes.get("lycoris-input")).containsOnly("INPUT");
        assertThat(axes.get("lycoris-output")).containsOnly("OUTPUT");
        assertThat(axes.get("peft-dora")).containsOnly("OUTPUT");
        assertThat(axes.get("renamed-square")).containsOnly("AMBIGUOUS");
        assertThat(axes.get("plain")).containsOnly("NONE");
    }

    @Test
    void aPeftDirectoryIsOneRowUnderItsOwnName() {
        Row peft = checkpoint("peft-dora-000004");
        assertThat(peft.<String>getAs("uri")).endsWith("/hub with ü/org04/peft-dora-000004");
        assertThat(peft.getList(peft.fieldIndex("files"))).hasSize(2);
    }

    @Test
    void aRepositoryWithACardHasItsLicence() {
        assertThat(tables.checkpoints())
                .filteredOn(row -> row.<String>getAs("uri").contains("/plain-"))
                .hasSize(4)
                .allSatisfy(row -> assertThat(row.<String>getAs("license")).isEqualTo("apache-2.0"));
        assertThat(tables.checkpoints())
                .filteredOn(row -> !row.<String>getAs("uri").contains("/plain-"))
                .allSatisfy(row -> assertThat(row.<String>getAs("license")).isNull());
    }

    @Test
    void aBadFileIsARowThatSaysWhy() {
        Row broken = checkpoint("broken-000019");
        assertThat(broken.<String>getAs("status")).isEqualTo("MALFORMED");
        assertThat(broken.<String>getAs("error_code")).isEqualTo("GIT_LFS_POINTER");
        assertThat(broken.<String>getAs("error_message"))
                .endsWith(
                        "lora.safetensors: GIT_LFS_POINTER at byte 0: found a git-lfs pointer, expected the file that it"
                                + " points to: run 'git lfs pull'");
    }

    @Test
    void everyLayerIsARow() {
        assertThat(tables.modules())
                .filteredOn(row -> row.<String>getAs("uri").contains("lycoris-input-000000"))
                .hasSize(4)
                .allSatisfy(row -> {
                    assertThat(row.<String>getAs("axis")).isEqualTo("INPUT");
                    assertThat(row.<Integer>getAs("rank")).isEqualTo(4);
                    assertThat(row.<Double>getAs("scale")).isEqualTo(0.5);
                });
    }

    @Test
    void whatAnUnfinishedRunLeftIsRemoved() {
        assertThat(output.resolve("checkpoints/run_id=r20200101T000000Z-dead")).doesNotExist();
    }

    @Test
    void aMissingFolderIsSaidInOneLine() {
        Called missing = Called.doraxis(
                "audit",
                "--input",
                folder.resolve("nowhere").toString(),
                "--output",
                folder.resolve("none").toString(),
                "--master",
                "local[1]");
        assertThat(missing.status()).isEqualTo(1);
        assertThat(missing.err()).startsWith("doraxis: no such file or folder: " + folder.resolve("nowhere"));
        assertThat(folder.resolve("none")).doesNotExist();
    }
}

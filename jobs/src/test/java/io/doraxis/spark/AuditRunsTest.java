package io.doraxis.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.doraxis.report.Report;
import io.doraxis.store.ObjectStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AuditRunsTest {
    private final ObjectStore store = new ObjectStore(new Configuration());

    @TempDir
    private Path output;

    private void record(String runId, String fields) throws IOException {
        Path runs = Files.createDirectories(output.resolve("runs"));
        Files.writeString(runs.resolve(runId + ".json"), "{\"run_id\":\"%s\",%s}".formatted(runId, fields));
    }

    private List<Report.Run> runs(String upTo) throws IOException {
        return AuditRuns.read(store, output.toString(), upTo);
    }

    @Test
    void mergesAndExportsInTheSameFolderAreNoAudits() throws IOException {
        record(
                "r1",
                "\"objects_listed\":1,\"statuses\":{\"OK\":1},\"options\":{\"inputs\":[\"hub\"],\"manifest\":null}");
        record("r2", "\"merges\":1,\"statuses\":{\"DONE\":1}");
        assertThat(runs(null)).extracting(Report.Run::run_id).containsExactly("r1");
        assertThat(runs(null).get(0).inputs()).containsExactly("hub");
        assertThatThrownBy(() -> runs("r2")).hasMessage("no run r2 of an audit has ended in " + output);
    }

    @Test
    void anAuditOfAManifestSaysWhichOne() throws IOException {
        record("r1", "\"objects_listed\":1,\"options\":{\"inputs\":[],\"manifest\":\"s3a://lists/all.csv\"}");
        assertThat(runs("r1").get(0).inputs()).containsExactly("s3a://lists/all.csv");
    }
}

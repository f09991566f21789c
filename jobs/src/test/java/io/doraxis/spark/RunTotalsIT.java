package io.doraxis.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.doraxis.audit.CheckpointAudit;
import io.doraxis.audit.CheckpointAuditor;
import io.doraxis.audit.CheckpointAuditor.ValueSource;
import io.doraxis.audit.CheckpointColumns;
import io.doraxis.audit.CheckpointColumns.Stamp;
import io.doraxis.audit.FetchedFile;
import io.doraxis.audit.ValueUse;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.catalog.StoredObject;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.store.ObjectStore;
import io.doraxis.store.RunFolder;
import io.doraxis.tensorfile.Reason;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A table of two checkpoints with three files, against what was listed. */
class RunTotalsIT {
    private static final Stamp STAMP = new Stamp("rules", "tool", Instant.EPOCH);

    @TempDir
    private static Path folder;

    private static SparkSession spark;
    private static RunFolder run;

    @BeforeAll
    static void writeTable() throws IOException {
        spark = SparkSession.builder()
                .master("local[1]")
                .config("spark.ui.enabled", "false")
                .config("spark.driver.bindAddress", "127.0.0.1")
                .config("spark.driver.host", "127.0.0.1")
                .getOrCreate();
        String output = folder.resolve("[a]").toString();
        run = RunFolder.begin(new ObjectStore(new Configuration()), output, Instant.EPOCH, Tables.NAMES);
        List<Row> rows = List.of(
                row(Checkpoint.file(object("a"))),
                row(new Checkpoint(Checkpoint.Form.PEFT_DIRECTORY, "p", List.of(object("p/w")), object("p/c"))));
        spark.createDataFrame(rows, Tables.schema(CheckpointColumns.of(STAMP)))
                .write()
                .parquet(run.table(CheckpointColumns.NAME));
    }

    @AfterAll
    static void stop() {
        spark.stop();
    }

    private static StoredObject object(String uri) {
        return new StoredObject(uri, 10, null, 0);
    }

    /** Of a checkpoint that the store refused. */
    private static Row row(Checkpoint checkpoint) {
        List<FetchedFile> files = checkpoint.weights().stream()
                .map(file -> FetchedFile.failed(file, new FetchedFile.Failure(Reason.STORE_FORBIDDEN, "no")))
                .toList();
        FetchedFile side = checkpoint
                .side()
                .map(file -> FetchedFile.failed(file, new FetchedFile.Failure(Reason.STORE_FORBIDDEN, "no")))
                .orElse(null);
        CheckpointAudit audit =
                new CheckpointAuditor(ConsumerRules.bundled()).audit(checkpoint, files, side, ValueSource.IN_HAND);
        return Tables.row(CheckpointColumns.of(STAMP), audit);
    }

    private static RunRecord record(long inCheckpoints, long checkpoints) {
        AuditOptions options = new AuditOptions(List.of("in"), null, null, "out", false, 1, ValueUse.NONE, null);
        Listed listed =
                new Listed(inCheckpoints + 1, inCheckpoints, checkpoints, Map.of("IGNORED_TEXT", 1L), Map.of(), 0);
        return new RunTotals(spark, run).record(STAMP, options, listed, null, 1);
    }

    @Test
    void aTableOfAllThatWasListedHasARecord() {
        RunRecord record = record(3, 2);
        assertThat(record.checkpoints()).isEqualTo(2);
        assertThat(record.objects_in_checkpoints()).isEqualTo(3);
        assertThat(record.objects_listed()).isEqualTo(4);
        assertThat(record.storeErrors()).isEqualTo(2);
    }

    @Test
    void aTableThatLacksACheckpointHasNone() {
        assertThatThrownBy(() -> record(3, 3))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("3 checkpoints of 3 objects were listed, but 2 of 3 are in the table: this run does not"
                        + " count");
    }

    @Test
    void aTableThatLacksAFileHasNone() {
        assertThatThrownBy(() -> record(4, 2)).hasMessageContaining("2 checkpoints of 4 objects were listed");
    }
}

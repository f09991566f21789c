package io.doraxis.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.size;
import static org.apache.spark.sql.functions.split;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;

import io.doraxis.audit.CheckpointColumns;
import io.doraxis.audit.CheckpointColumns.Stamp;
import io.doraxis.consumer.FileFacts;
import io.doraxis.store.RunFolder;
import io.doraxis.tensorfile.Reason;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** A run's totals, counted from the tables that it committed. */
final class RunTotals {
    private final SparkSession spark;
    private final RunFolder folder;
    private final Dataset<Row> checkpoints;

    RunTotals(SparkSession spark, RunFolder folder) {
        this.spark = spark;
        this.folder = folder;
        this.checkpoints = Tables.reader(spark).parquet(folder.table(CheckpointColumns.NAME));
    }

    /** Of counts by a code, those that tell of the store. */
    static long storeErrors(Map<String, Long> counts) {
        return Stream.of(Reason.values())
                .filter(Reason::isTheStores)
                .mapToLong(reason -> counts.getOrDefault(reason.name(), 0L))
                .sum();
    }

    /**
     * The record of a run.
     *
     * @param previous null without one
     * @throws IllegalStateException if the table does not hold what was listed: the run must not count then
     */
    RunRecord record(
            Stamp stamp, AuditOptions options, Listed listed, RunRecord.SincePrevious previous, double seconds) {
        Column here = col("scanned_at").equalTo(lit(stamp.scannedAt()));
        Row sums = checkpoints
                .agg(
                        count(lit(1)),
                        sum(when(here, col("requests"))),
                        sum(when(here, col("bytes_read"))),
                        sum("modules"),
                        sum(size(col("files"))),
                        sum(when(here, col("retries"))))
                .first();
        long rows = sums.getLong(0);
        long objects = orZero(sums, 4);
        if (rows != listed.checkpoints() || objects != listed.inCheckpoints()) {
            throw new IllegalStateException(
                    "%d checkpoints of %d objects were listed, but %d of %d are in the table: this run does not count"
                            .formatted(listed.checkpoints(), listed.inCheckpoints(), rows, objects));
        }
        return new RunRecord(
                folder.runId(),
                stamp.toolVersion(),
                stamp.rulesVersion(),
                spark.version(),
                stamp.scannedAt().toString(),
                seconds,
                options,
                listed.objects(),
                objects,
                listed.ignored(),
                rows,
                counts(checkpoints, col("status")),
                counts(checkpoints, col("kind")),
                counts(checkpoints.filter(col("kind").equalTo("ADAPTER")), col("axis")),
                counts(checkpoints, col("error_code")),
                counts(
                        checkpoints.select(explode(col("warnings")).as("warning")),
                        split(col("warning"), ":").getItem(0)),
                outcomes(),
                orZero(sums, 3),
                orZero(sums, 1),
                orZero(sums, 2),
                orZero(sums, 5),
                FileFacts.vocabulary(),
                previous);
    }

    private static long orZero(Row row, int index) {
        return row.isNullAt(index) ? 0 : row.getLong(index);
    }

    private static Map<String, Long> counts(Dataset<Row> rows, Column by) {
        Map<String, Long> counts = new TreeMap<>();
        List<Row> groups = rows.filter(by.isNotNull()).groupBy(by).count().collectAsList();
        groups.forEach(group -> counts.put(group.getString(0), group.getLong(1)));
        return counts;
    }

    private Map<String, Map<String, Long>> outcomes() {
        Map<String, Map<String, Long>> outcomes = new TreeMap<>();
        checkpoints
                .select(explode(col("consumers")))
                .groupBy(col("key"), col("value.outcome"))
                .count()
                .collectAsList()
                .forEach(group -> outcomes.computeIfAbsent(group.getString(0), key -> new TreeMap<>())
                        .put(group.getString(1), group.getLong(2)));
        return outcomes;
    }
}

package io.doraxis.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.split;
import static org.apache.spark.sql.functions.sum;

import io.doraxis.audit.CheckpointColumns.Stamp;
import io.doraxis.store.RunFolder;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** A run's totals, counted from the tables that it committed. */
final class RunTotals {
    /** Spark's own option: a folder may be called [a]. */
    private static final String NO_GLOB = "__globPaths__";

    private final SparkSession spark;
    private final RunFolder folder;
    private final Dataset<Row> checkpoints;

    RunTotals(SparkSession spark, RunFolder folder) {
        this.spark = spark;
        this.folder = folder;
        this.checkpoints = spark.read().option(NO_GLOB, "false").parquet(folder.table("checkpoints"));
    }

    RunRecord record(
            Stamp stamp,
            AuditOptions options,
            long listed,
            long inCheckpoints,
            Map<String, Long> ignored,
            double seconds) {
        Row sums = checkpoints
                .agg(count(lit(1)), sum("requests"), sum("bytes_read"), sum("modules"))
                .first();
        return new RunRecord(
                folder.runId(),
                stamp.toolVersion(),
                stamp.rulesVersion(),
                spark.version(),
                stamp.scannedAt().toString(),
                seconds,
                options,
                listed,
                inCheckpoints,
                ignored,
                sums.getLong(0),
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
                null);
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

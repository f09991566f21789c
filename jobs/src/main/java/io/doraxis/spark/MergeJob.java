package io.doraxis.spark;

import io.doraxis.dora.ModuleAxis;
import io.doraxis.merge.Strength;
import io.doraxis.store.ObjectStore;
import io.doraxis.store.RunFolder;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.LongAccumulator;
import org.apache.spark.util.SerializableConfiguration;

/** Merges as a plan lists them, each a row of the {@code merges} table. */
public final class MergeJob {
    private static final String OUTPUT = "output";
    private static final String STRENGTH = "strength";
    private static final List<String> COLUMNS = List.of("adapter", "base", OUTPUT);
    private static final int MERGES_PER_TASK = 16;
    private static final int MAX_TASKS = 10_000;

    private final SparkSession spark;
    private final String plan;
    private final String output;
    private final Progress progress;
    private final String toolVersion;

    public MergeJob(SparkSession spark, String plan, String output, Progress progress, String toolVersion) {
        this.spark = spark;
        this.plan = plan;
        this.output = output;
        this.progress = progress;
        this.toolVersion = toolVersion;
    }

    /** One merge, without Spark. */
    public static MergeResult one(Configuration configuration, MergeItem item, String toolVersion) {
        return new MergeFile(new ObjectStore(configuration), item, toolVersion).run();
    }

    /**
     * Merges everything that the plan lists.
     *
     * @param assumedAxis of magnitudes that an adapter leaves open; null to refuse those adapters
     * @param strength where the plan has no column of that name
     * @throws IOException if the plan cannot be read or the output cannot be written: nothing was merged then
     */
    public MergeRecord run(ModuleAxis assumedAxis, Strength strength, boolean allowUnmatched) throws IOException {
        Instant started = Instant.now();
        JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
        Configuration configuration = context.hadoopConfiguration();
        ObjectStore store = new ObjectStore(configuration);
        store.status(plan);
        Dataset<Row> listed = plan.endsWith(".csv")
                ? spark.read().option("header", true).csv(plan)
                : spark.read().parquet(plan);
        List<String> columns = Arrays.asList(listed.columns());
        if (!columns.containsAll(COLUMNS)) {
            throw new IOException(plan + " has the columns " + columns + ", wanted are " + COLUMNS);
        }
        List<Row> twice = listed.groupBy(OUTPUT)
                .count()
                .filter("count > 1 and output is not null")
                .takeAsList(1);
        if (!twice.isEmpty()) {
            throw new IOException(plan + " lists the output " + twice.get(0).get(0) + " twice");
        }
        RunFolder run = RunFolder.begin(store, output, started);
        run.unfinished().forEach(progress::removedUnfinishedRun);
        Broadcast<SerializableConfiguration> shipped = context.broadcast(new SerializableConfiguration(configuration));
        String version = toolVersion;
        JavaRDD<MergeItem> items = listed.javaRDD()
                .map(row -> new MergeItem(
                        text(row, COLUMNS.get(0)),
                        text(row, COLUMNS.get(1)),
                        text(row, COLUMNS.get(2)),
                        assumedAxis,
                        strength(row, strength),
                        allowUnmatched));
        long count = items.count();
        progress.reading(count, "merges");
        LongAccumulator done = spark.sparkContext().longAccumulator("merges");
        progress.watch(done, spark.sparkContext().longAccumulator("failed"));
        JavaRDD<Row> rows = items.repartition(tasks(count)).map(item -> {
            Row row = MergesTable.row(one(shipped.value().value(), item, version));
            done.add(1);
            return row;
        });
        String table = run.table(MergesTable.NAME);
        spark.createDataFrame(rows, MergesTable.SCHEMA).write().parquet(table);
        progress.done();
        Map<String, Long> statuses = new TreeMap<>();
        for (Row row :
                spark.read().parquet(table).groupBy(MergesTable.STATUS).count().collectAsList()) {
            statuses.put(row.getString(0), row.getLong(1));
        }
        double seconds = Duration.between(started, Instant.now()).toMillis() / 1000.0;
        MergeRecord record =
                new MergeRecord(run.runId(), toolVersion, started.toString(), seconds, plan, count, statuses);
        run.complete(RunRecordJson.write(record));
        return record;
    }

    private static String text(Row row, String column) {
        Object value = row.getAs(column);
        return value == null ? "" : value.toString();
    }

    /** A row's own strength; what is no number becomes NaN, which the merge refuses. */
    private static Strength strength(Row row, Strength given) {
        String own = Arrays.asList(row.schema().fieldNames()).contains(STRENGTH)
                ? text(row, STRENGTH).trim()
                : "";
        if (own.isEmpty()) {
            return given;
        }
        try {
            return new Strength(Double.parseDouble(own), given.rule());
        } catch (NumberFormatException e) {
            return new Strength(Double.NaN, given.rule());
        }
    }

    private int tasks(long count) {
        long wanted = Math.max(spark.sparkContext().defaultParallelism(), count / MERGES_PER_TASK + 1);
        return (int) Math.max(1, Math.min(Math.min(MAX_TASKS, wanted), count));
    }
}

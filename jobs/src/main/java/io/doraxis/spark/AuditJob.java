package io.doraxis.spark;

import io.doraxis.audit.CheckpointColumns;
import io.doraxis.audit.CheckpointColumns.Stamp;
import io.doraxis.audit.ModuleColumns;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.catalog.FolderGrouping;
import io.doraxis.catalog.ObjectRole;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.dora.Atlas;
import io.doraxis.store.Folder;
import io.doraxis.store.RunFolder;
import java.io.IOException;
import java.io.Serializable;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.LongAccumulator;

/** The audit: list, group, read, classify, write; then the run's own record, whose presence completes the run. */
public final class AuditJob {
    private static final int CHECKPOINTS_PER_TASK = 10_000;
    private static final int LISTERS_PER_CORE = 4;

    private final SparkSession spark;
    private final AuditOptions options;
    private final Progress progress;
    private final String toolVersion;

    public AuditJob(SparkSession spark, AuditOptions options, Progress progress, String toolVersion) {
        this.spark = spark;
        this.options = options;
        this.progress = progress;
        this.toolVersion = toolVersion;
    }

    /** What the listing holds, before anything is read. */
    record Listed(long objects, long inCheckpoints, long checkpoints, Map<String, Long> ignored)
            implements Serializable {
        static final Listed NOTHING = new Listed(0, 0, 0, Map.of());

        static Listed of(FolderGrouping folder) {
            long inCheckpoints =
                    folder.checkpoints().stream().mapToLong(Checkpoint::objects).sum();
            Map<String, Long> ignored = new TreeMap<>();
            for (Map.Entry<ObjectRole, Integer> entry : folder.ignored().entrySet()) {
                ignored.put(entry.getKey().name(), (long) entry.getValue());
            }
            long all = inCheckpoints
                    + ignored.values().stream().mapToLong(Long::longValue).sum();
            return new Listed(all, inCheckpoints, folder.checkpoints().size(), ignored);
        }

        Listed plus(Listed other) {
            Map<String, Long> sum = new TreeMap<>(ignored);
            other.ignored.forEach((reason, count) -> sum.merge(reason, count, Long::sum));
            return new Listed(
                    objects + other.objects, inCheckpoints + other.inCheckpoints, checkpoints + other.checkpoints, sum);
        }
    }

    /**
     * Runs the audit.
     *
     * @throws IOException if a root cannot be listed or the output cannot be written: nothing was read then
     */
    public RunRecord run() throws IOException {
        JobRun run = new JobRun(spark, options.inputs());
        Broadcast<Atlas> atlas = options.atlas() == null
                ? null
                : JavaSparkContext.fromSparkContext(spark.sparkContext())
                        .broadcast(AtlasTable.read(spark, run.store(), options.atlas()));
        RunFolder output = run.begin(options.output(), progress);
        JobRun.Stores stores = run.stores();
        progress.listing();
        int listers = run.parallelism() * LISTERS_PER_CORE;
        List<Folder> folders = Folder.split(run.store(), options.inputs(), listers);
        Stamp stamp = new Stamp(ConsumerRules.bundled().version(), toolVersion, run.started());
        Listed listed;
        try (Listing listing = Listing.of(spark, folders, listers, stores)) {
            long objects = listing.count();
            JavaRDD<FolderGrouping> grouped = listing.folders(run.tasks(objects, CHECKPOINTS_PER_TASK));
            listed = grouped.map(Listed::of).fold(Listed.NOTHING, Listed::plus);
            if (listed.objects != objects) {
                throw new IllegalStateException(
                        "%d objects were listed and %d accounted for".formatted(objects, listed.objects));
            }
            progress.reading(listed.checkpoints, "checkpoints");
            write(grouped.flatMap(folder -> folder.checkpoints().iterator()), stamp, stores, atlas, output);
            progress.done();
        }
        RunRecord record = new RunTotals(spark, output).record(stamp, options, listed, run.seconds());
        output.complete(RunRecordJson.write(record));
        return record;
    }

    private void write(
            JavaRDD<Checkpoint> checkpoints,
            Stamp stamp,
            JobRun.Stores stores,
            Broadcast<Atlas> atlas,
            RunFolder output) {
        LongAccumulator done = spark.sparkContext().longAccumulator("checkpoints");
        LongAccumulator failed = spark.sparkContext().longAccumulator("unreadable");
        progress.watch(done, failed);
        AuditCheckpoints audit =
                new AuditCheckpoints(stores, stamp, options, atlas, done, failed, JobRun.taskAttempts(spark));
        Dataset<Row> rows = spark.createDataFrame(
                checkpoints.mapPartitions(audit), AuditCheckpoints.schema(stamp, options.modules()));
        Dataset<Row> kept =
                options.modules() ? rows.persist(StorageLevel.DISK_ONLY()) : rows; // read once, written twice
        kept.drop(AuditCheckpoints.MODULES).write().parquet(output.table(CheckpointColumns.NAME));
        if (!options.modules()) {
            return;
        }
        kept.select(functions.explode(functions.col(AuditCheckpoints.MODULES)).as("module"))
                .select("module.*")
                .write()
                .parquet(output.table(ModuleColumns.NAME));
        kept.unpersist();
    }
}

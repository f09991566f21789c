package io.doraxis.spark;

import io.doraxis.audit.CheckpointColumns.Stamp;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.catalog.FolderGrouping;
import io.doraxis.catalog.ObjectRole;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.dora.Atlas;
import io.doraxis.store.Folder;
import io.doraxis.store.ObjectStore;
import io.doraxis.store.RunFolder;
import java.io.IOException;
import java.io.Serializable;
import java.time.Duration;
import java.time.Instant;
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
import org.apache.spark.sql.functions;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.LongAccumulator;
import org.apache.spark.util.SerializableConfiguration;

/** The audit: list, group, read, classify, write; then the run's own record, whose presence completes the run. */
public final class AuditJob {
    private static final int CHECKPOINTS_PER_TASK = 10_000;
    private static final int MAX_TASKS = 20_000;

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
    private record Listed(long objects, long inCheckpoints, long checkpoints, Map<String, Long> ignored)
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
        Instant started = Instant.now();
        JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
        Configuration configuration = context.hadoopConfiguration();
        ObjectStore store = new ObjectStore(configuration);
        for (String input : options.inputs()) {
            store.status(input);
        }
        Broadcast<Atlas> atlas =
                options.atlas() == null ? null : context.broadcast(AtlasTable.read(spark, store, options.atlas()));
        RunFolder output = RunFolder.begin(store, options.output(), started);
        output.unfinished().forEach(progress::removedUnfinishedRun);

        Broadcast<SerializableConfiguration> shipped = context.broadcast(new SerializableConfiguration(configuration));
        progress.listing();
        int listers = context.defaultParallelism() * 4;
        List<Folder> folders = Folder.split(store, options.inputs(), listers);
        Listing listing = Listing.of(spark, folders, listers, shipped);
        long objects = listing.count();
        JavaRDD<FolderGrouping> grouped = listing.folders(tasks(objects, context.defaultParallelism()));
        Listed listed = grouped.map(Listed::of).fold(Listed.NOTHING, Listed::plus);
        if (listed.objects != objects) {
            throw new IllegalStateException(
                    "%d objects were listed and %d accounted for".formatted(objects, listed.objects));
        }
        progress.reading(listed.checkpoints, "checkpoints");

        Stamp stamp = new Stamp(ConsumerRules.bundled().version(), toolVersion, started);
        write(grouped.flatMap(folder -> folder.checkpoints().iterator()), stamp, shipped, atlas, output);
        progress.done();
        listing.close();

        RunRecord record = new RunTotals(spark, output)
                .record(stamp, options, listed.objects, listed.inCheckpoints, listed.ignored, seconds(started));
        output.complete(RunRecordJson.write(record));
        return record;
    }

    private static double seconds(Instant started) {
        return Duration.between(started, Instant.now()).toMillis() / 1000.0;
    }

    private static int tasks(long objects, int parallelism) {
        long wanted = Math.max(objects / CHECKPOINTS_PER_TASK + 1, parallelism);
        return (int) Math.min(wanted, MAX_TASKS);
    }

    private void write(
            JavaRDD<Checkpoint> checkpoints,
            Stamp stamp,
            Broadcast<SerializableConfiguration> shipped,
            Broadcast<Atlas> atlas,
            RunFolder output) {
        LongAccumulator done = spark.sparkContext().longAccumulator("checkpoints");
        LongAccumulator failed = spark.sparkContext().longAccumulator("unreadable");
        progress.watch(done, failed);
        AuditCheckpoints audit = new AuditCheckpoints(shipped, stamp, options, atlas, done, failed);
        Dataset<Row> rows = spark.createDataFrame(
                checkpoints.mapPartitions(audit), AuditCheckpoints.schema(stamp, options.modules()));
        Dataset<Row> kept =
                options.modules() ? rows.persist(StorageLevel.DISK_ONLY()) : rows; // read once, written twice
        kept.drop(AuditCheckpoints.MODULES).write().parquet(output.table("checkpoints"));
        if (!options.modules()) {
            return;
        }
        kept.select(functions.explode(functions.col(AuditCheckpoints.MODULES)).as("module"))
                .select("module.*")
                .write()
                .parquet(output.table("modules"));
        kept.unpersist();
    }
}

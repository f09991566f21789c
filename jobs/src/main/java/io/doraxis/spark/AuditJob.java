package io.doraxis.spark;

import io.doraxis.audit.ChangeColumns;
import io.doraxis.audit.CheckpointColumns;
import io.doraxis.audit.CheckpointColumns.Stamp;
import io.doraxis.audit.ModuleColumns;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.catalog.Revision;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.dora.Atlas;
import io.doraxis.store.Folder;
import io.doraxis.store.RunFolder;
import java.io.IOException;
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
    private static final int OBJECTS_PER_TASK = 10_000;
    private static final long BYTES_PER_TASK = 1L << 30;
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

    /**
     * Runs the audit.
     *
     * @throws IOException if a root cannot be listed, a row of the manifest names no object, or the output cannot be written:
     *     nothing was read then
     */
    public RunRecord run() throws IOException {
        JobRun run = new JobRun(spark, options.sources());
        Broadcast<Atlas> atlas = options.atlas() == null
                ? null
                : JavaSparkContext.fromSparkContext(spark.sparkContext())
                        .broadcast(AtlasTable.read(spark, run.store(), options.atlas()));
        Stamp stamp = new Stamp(ConsumerRules.bundled().version(), toolVersion, run.started());
        PreviousRun previous =
                options.previous() == null ? null : PreviousRun.open(spark, run.store(), options.previous());
        String objection = previous == null
                ? null
                : previous.objection(options, ConsumerRules.bundled(), Tables.schema(CheckpointColumns.of(stamp)));
        boolean carry = previous != null && objection == null;
        RunFolder output = run.begin(options.output(), progress);
        JobRun.Stores stores = run.stores();
        progress.listing();
        Listed listed;
        try (Listing listing = listing(run, stores)) {
            Listing.Size size = listing.size();
            int tasks = Math.max(run.tasks(size.objects(), OBJECTS_PER_TASK), run.tasks(size.bytes(), BYTES_PER_TASK));
            JavaRDD<ListedFolder> folders = listing.folders(tasks, previous == null ? null : previous.files());
            listed = folders.map(folder -> Listed.of(folder, carry)).fold(Listed.NOTHING, Listed::plus);
            if (listed.objects() != size.objects()) {
                throw new IllegalStateException(
                        "%d objects were listed and %d accounted for".formatted(size.objects(), listed.objects()));
            }
            JavaRDD<Revision> revisions =
                    folders.flatMap(folder -> folder.revisions(carry).iterator());
            progress.reading(listed.checkpoints() - listed.carriedOver(), "checkpoints");
            write(revisions, listed, previous, stamp, stores, atlas, output);
            progress.done();
        }
        RunRecord.SincePrevious since = previous == null
                ? null
                : new RunRecord.SincePrevious(
                        previous.runId(), previous.rulesVersion(), listed.changes(), listed.carriedOver(), objection);
        RunRecord record = new RunTotals(spark, output).record(stamp, options, listed, since, run.seconds());
        output.complete(RunRecordJson.write(record));
        return record;
    }

    private Listing listing(JobRun run, JobRun.Stores stores) throws IOException {
        int listers = run.parallelism() * LISTERS_PER_CORE;
        if (options.manifest() == null) {
            return Listing.of(spark, Folder.split(run.store(), options.inputs(), listers), listers, stores);
        }
        Manifest manifest = Manifest.open(spark, run, options.manifest());
        return Listing.of(spark, manifest.objects(stores, options.ioConcurrency()), listers);
    }

    private void write(
            JavaRDD<Revision> revisions,
            Listed listed,
            PreviousRun previous,
            Stamp stamp,
            JobRun.Stores stores,
            Broadcast<Atlas> atlas,
            RunFolder output) {
        LongAccumulator done = spark.sparkContext().longAccumulator("checkpoints");
        LongAccumulator failed = spark.sparkContext().longAccumulator("unreadable");
        progress.watch(done, failed);
        AuditCheckpoints audit =
                new AuditCheckpoints(stores, stamp, options, atlas, done, failed, JobRun.taskAttempts(spark));
        JavaRDD<Revision> others = revisions.filter(revision -> !revision.isCarriedOver());
        if (previous != null) {
            others.persist(StorageLevel.MEMORY_AND_DISK()); // few, from all that was listed
        }
        JavaRDD<Checkpoint> toRead = others.map(Revision::toRead).filter(checkpoint -> checkpoint != null);
        Dataset<Row> rows =
                spark.createDataFrame(toRead.mapPartitions(audit), AuditCheckpoints.schema(stamp, options.modules()));
        Dataset<Row> kept =
                options.modules() ? rows.persist(StorageLevel.DISK_ONLY()) : rows; // read once, written twice
        CarriedRows carried = new CarriedRows(spark, previous, others, listed);
        carried.withCheckpoints(kept.drop(AuditCheckpoints.MODULES))
                .write()
                .parquet(output.table(CheckpointColumns.NAME));
        if (options.modules()) {
            Dataset<Row> modules = kept.select(functions
                            .explode(functions.col(AuditCheckpoints.MODULES))
                            .as("module"))
                    .select("module.*");
            carried.withModules(modules).write().parquet(output.table(ModuleColumns.NAME));
            kept.unpersist();
        }
        if (previous != null) {
            carried.changes().write().parquet(output.table(ChangeColumns.NAME));
            others.unpersist();
        }
    }
}

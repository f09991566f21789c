package io.doraxis.spark;

import io.doraxis.merge.MergeRefusedException;
import io.doraxis.merge.OutputShard;
import io.doraxis.merge.Strength;
import io.doraxis.spark.MergeUnits.Planned;
import io.doraxis.spark.MergeUnits.Unit;
import io.doraxis.spark.MergeUnits.Written;
import io.doraxis.store.ObjectStore;
import io.doraxis.store.RunFolder;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.LongAccumulator;
import scala.Tuple2;

/**
 * Merges as a plan lists them, each a row of the {@code merges} table. Their headers are read first; then every file to be
 * written is a unit of work, and tasks get about the same cost of them, the largest first.
 */
public final class MergeJob {
    static final String FIRST_GPU = "0";
    private static final int TASKS_PER_CORE = 4;
    private static final int PLANNED_PER_TASK = 16;

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

    /** What of these settings cannot be on this machine; empty where they can. */
    public static Optional<String> objection(MergeRequest.Settings settings) {
        return Kernels.objection(settings);
    }

    /** What of these settings cannot be in this session; empty where they can. */
    public static Optional<String> objection(MergeRequest.Settings settings, SparkSession spark) {
        Optional<String> objection = Kernels.objection(settings);
        return objection.isEmpty() && settings.device() == DeviceChoice.gpu
                ? GpuTasks.objection(spark.sparkContext().getConf())
                : objection;
    }

    /** One merge, without Spark, on all cores of this machine and, if it is to be a GPU, on the first. */
    public static MergeResult one(
            Configuration configuration, MergeRequest request, Progress progress, String toolVersion) {
        ObjectStore store = new ObjectStore(configuration);
        long started = System.nanoTime();
        try {
            PreparedMerge merge = PreparedMerge.of(store, request, toolVersion);
            double planned = (System.nanoTime() - started) / 1e9;
            int cores = Runtime.getRuntime().availableProcessors();
            AtomicLong read = new AtomicLong();
            progress.reading(merge.baseBytes() >> 20, "MiB of weights");
            progress.watch(() -> read.get() >> 20, () -> 0);
            merge.output().begin(store);
            try (Lanes lanes = new Lanes(Kernels.open(cores, request.settings(), FIRST_GPU))) {
                List<ShardResult> shards = new ArrayList<>();
                for (OutputShard shard : merge.output().shards()) {
                    shards.add(new ShardWriter(store, merge, lanes, read::addAndGet).writeUnlessThere(shard));
                }
                progress.done();
                ModelIndex.write(store, merge, shards);
                return MergeResult.of(merge, shards, lanes.computed(), Map.of("plan", planned));
            } catch (MergeRefusedException e) {
                merge.output().removeShards(store);
                throw e;
            }
        } catch (MergeRefusedException e) {
            return MergeResult.refused(request, e);
        } catch (IOException e) {
            return MergeResult.failed(request, e);
        }
    }

    /** What a merge would do, or why it cannot: nothing is written. */
    public static MergeResult dryRun(Configuration configuration, MergeRequest request, String toolVersion) {
        try {
            ObjectStore store = new ObjectStore(configuration);
            PreparedMerge merge = PreparedMerge.of(store, request, toolVersion);
            merge.output().requireNoOtherModel(store);
            return MergeResult.planned(merge);
        } catch (MergeRefusedException e) {
            return MergeResult.refused(request, e);
        } catch (IOException e) {
            return MergeResult.failed(request, e);
        }
    }

    /**
     * Merges everything that the plan lists.
     *
     * @param strength where the plan has no column of that name
     * @throws IOException if the plan cannot be read or the output cannot be written: nothing was merged then
     */
    public MergeRecord run(Strength strength, MergeRequest.Settings settings) throws IOException {
        JobRun run = new JobRun(spark, List.of(plan));
        JavaRDD<MergeRequest> requests = MergeRequests.read(spark, run, plan, strength, settings);
        RunFolder folder = run.begin(output, progress);
        MergeUnits units = new MergeUnits(run.stores(), toolVersion, threads());

        JavaPairRDD<Long, MergeRequest> numbered = requests.zipWithIndex().mapToPair(Tuple2::swap);
        long count = numbered.count();
        int planners = run.tasks(count, PLANNED_PER_TASK);
        JavaRDD<Planned> planned =
                numbered.repartition(planners).map(units::plan).persist(StorageLevel.MEMORY_AND_DISK());
        MergePacking packing = MergePacking.of(
                planned.flatMap(each -> each.costs().iterator()).collect(), run.parallelism() * TASKS_PER_CORE);
        progress.reading(packing.units(), "files");
        LongAccumulator done = spark.sparkContext().longAccumulator("files");
        progress.watch(done, spark.sparkContext().longAccumulator("failed"));

        Broadcast<MergePacking> shippedPacking =
                JavaSparkContext.fromSparkContext(spark.sparkContext()).broadcast(packing);
        JavaPairRDD<Unit, MergeRequest> work = planned.flatMapToPair(
                        each -> each.units().iterator())
                .partitionBy(new MergePacking.Tasks(packing.tasks(), shippedPacking));
        JavaRDD<Tuple2<Long, Written>> written = work.map(each -> {
            Tuple2<Long, Written> file = units.write(each);
            done.add(1);
            return file;
        });
        if (settings.device() != DeviceChoice.cpu) {
            written = GpuTasks.each(written, spark.sparkContext().getConf());
        }
        JavaRDD<Row> rows = JavaPairRDD.fromJavaRDD(written)
                .union(planned.flatMapToPair(each -> each.refused().iterator()))
                .groupByKey(planners)
                .map(units::finish);
        String table = folder.table(MergesTable.NAME);
        spark.createDataFrame(rows, MergesTable.SCHEMA).write().parquet(table);
        progress.done();
        MergeRecord record = new MergeRecord(
                folder.runId(),
                toolVersion,
                run.started().toString(),
                run.seconds(),
                plan,
                count,
                MergesTable.statuses(spark, table),
                MergesTable.firstErrors(spark, table));
        folder.complete(RunRecordJson.write(record));
        return record;
    }

    /** Of one task: the cores that Spark gives it. */
    private int threads() {
        return spark.sparkContext().getConf().getInt("spark.task.cpus", 1);
    }
}

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
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.LongAccumulator;
import org.apache.spark.util.SerializableConfiguration;
import scala.Tuple2;

/**
 * Merges as a plan lists them, each a row of the {@code merges} table. Their headers are read first; then every file to be
 * written is a unit of work, and tasks get about the same cost of them, the largest first.
 */
public final class MergeJob {
    private static final int TASKS_PER_CORE = 4;
    private static final int PLANNED_PER_TASK = 16;
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

    /** One merge, without Spark, on all cores of this machine. */
    public static MergeResult one(Configuration configuration, MergeRequest request, String toolVersion) {
        ObjectStore store = new ObjectStore(configuration);
        long started = System.nanoTime();
        try {
            PreparedMerge merge = PreparedMerge.of(store, request, toolVersion);
            double planned = (System.nanoTime() - started) / 1e9;
            int cores = Runtime.getRuntime().availableProcessors();
            try (Lanes lanes = new Lanes(cores, request.settings().kernel()::open)) {
                List<ShardResult> shards = new ArrayList<>();
                for (OutputShard shard : merge.shards()) {
                    shards.add(new ShardWriter(store, merge, lanes).write(shard));
                }
                ModelIndex.write(store, merge, shards);
                return MergeResult.of(merge, shards, lanes.kernel(), lanes.device(), Map.of("plan", planned));
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
            return MergeResult.planned(PreparedMerge.of(new ObjectStore(configuration), request, toolVersion));
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
        Instant started = Instant.now();
        JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
        Configuration configuration = context.hadoopConfiguration();
        ObjectStore store = new ObjectStore(configuration);
        JavaRDD<MergeRequest> requests = MergeRequests.read(spark, store, plan, strength, settings);
        RunFolder run = RunFolder.begin(store, output, started);
        run.unfinished().forEach(progress::removedUnfinishedRun);
        Broadcast<SerializableConfiguration> shipped = context.broadcast(new SerializableConfiguration(configuration));
        MergeUnits units = new MergeUnits(shipped, toolVersion, threads());

        JavaPairRDD<Long, MergeRequest> numbered = requests.zipWithIndex().mapToPair(Tuple2::swap);
        long count = numbered.count();
        int planners = tasks(count / PLANNED_PER_TASK + 1, count);
        JavaRDD<Planned> planned =
                numbered.repartition(planners).map(units::plan).persist(StorageLevel.MEMORY_AND_DISK());
        MergePacking packing = MergePacking.of(
                planned.flatMap(each -> each.costs().iterator()).collect(),
                spark.sparkContext().defaultParallelism() * TASKS_PER_CORE);
        progress.reading(packing.units(), "files");
        LongAccumulator done = spark.sparkContext().longAccumulator("files");
        progress.watch(done, spark.sparkContext().longAccumulator("failed"));

        Broadcast<MergePacking> shippedPacking = context.broadcast(packing);
        JavaPairRDD<Unit, MergeRequest> work = planned.flatMapToPair(
                        each -> each.units().iterator())
                .partitionBy(new MergePacking.Tasks(packing.tasks(), shippedPacking));
        JavaPairRDD<Long, Written> written = work.mapToPair(each -> {
            Tuple2<Long, Written> file = units.write(each);
            done.add(1);
            return file;
        });
        JavaRDD<Row> rows = written.union(
                        planned.flatMapToPair(each -> each.refused().iterator()))
                .groupByKey(tasks(count / PLANNED_PER_TASK + 1, count))
                .map(units::finish);
        String table = run.table(MergesTable.NAME);
        spark.createDataFrame(rows, MergesTable.SCHEMA).write().parquet(table);
        progress.done();
        Map<String, Long> statuses = new TreeMap<>();
        for (Row row : spark.read()
                .option("__globPaths__", false)
                .parquet(table)
                .groupBy(MergesTable.STATUS)
                .count()
                .collectAsList()) {
            statuses.put(row.getString(0), row.getLong(1));
        }
        double seconds = Duration.between(started, Instant.now()).toMillis() / 1000.0;
        MergeRecord record =
                new MergeRecord(run.runId(), toolVersion, started.toString(), seconds, plan, count, statuses);
        run.complete(RunRecordJson.write(record));
        return record;
    }

    /** Of one task: the cores that Spark gives it. */
    private int threads() {
        return spark.sparkContext().getConf().getInt("spark.task.cpus", 1);
    }

    private int tasks(long wanted, long most) {
        long atLeast = Math.max(spark.sparkContext().defaultParallelism(), wanted);
        return (int) Math.max(1, Math.min(Math.min(MAX_TASKS, atLeast), most));
    }
}

package io.doraxis.spark;

import io.doraxis.store.ObjectStore;
import io.doraxis.store.RunFolder;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.LongAccumulator;
import scala.Tuple2;

/** Exports as a plan lists them, each a row of the {@code exports} table. */
public final class ExportJob {
    private static final int EXPORTS_PER_TASK = 32;

    private final SparkSession spark;
    private final ExportList list;
    private final String output;
    private final Progress progress;
    private final String toolVersion;

    public ExportJob(SparkSession spark, ExportList list, String output, Progress progress, String toolVersion) {
        this.spark = spark;
        this.list = list;
        this.output = output;
        this.progress = progress;
        this.toolVersion = toolVersion;
    }

    /** One export, without Spark, on all cores of this machine and, if it is to be a GPU, on the first. */
    public static ExportResult one(Configuration configuration, ExportRequest request, String toolVersion) {
        return withOffer(
                configuration, alone(configuration, request, toolVersion).run(), toolVersion);
    }

    /** What one export would do, without Spark: nothing is written. */
    public static ExportResult dryRun(Configuration configuration, ExportRequest request, String toolVersion) {
        return withOffer(
                configuration, alone(configuration, request, toolVersion).dryRun(), toolVersion);
    }

    private static OneExport alone(Configuration configuration, ExportRequest request, String toolVersion) {
        int threads = Runtime.getRuntime().availableProcessors();
        return new OneExport(new ObjectStore(configuration), request, toolVersion, threads, MergeJob.FIRST_GPU);
    }

    private static ExportResult withOffer(Configuration configuration, ExportResult result, String toolVersion) {
        return LossyOffer.request(result)
                .map(lossy -> LossyOffer.added(
                        result, alone(configuration, lossy, toolVersion).dryRun()))
                .orElse(result);
    }

    /** What of these settings cannot be on this machine; empty where they can. */
    public static Optional<String> objection(ExportRequest.Settings settings) {
        return MergeJob.objection(settings.ofMerges());
    }

    /** What of these settings cannot be in this session; empty where they can. */
    public static Optional<String> objection(ExportRequest.Settings settings, SparkSession spark) {
        return MergeJob.objection(settings.ofMerges(), spark);
    }

    /**
     * What exports would be.
     *
     * @param exports by how exact they would be, or why they would be refused
     * @param bytes of the tensors that would be written
     */
    public record Forecast(Map<String, Long> exports, long bytes) {}

    /**
     * What everything that the plan lists would be: nothing is written.
     *
     * @throws IOException if the plan cannot be read
     */
    public Forecast dryRun(ExportRequest.Settings settings) throws IOException {
        JobRun run = new JobRun(spark, List.of(list.uri()));
        JavaRDD<ExportRequest> requests = requests(run, settings);
        JobRun.Stores stores = run.stores();
        String version = toolVersion;
        JavaRDD<ExportResult> results = requests.repartition(run.tasks(requests.count(), EXPORTS_PER_TASK))
                .map(request -> new OneExport(stores.open(), request, version, 1, GpuTasks.address()).dryRun());
        Map<String, Tuple2<Long, Long>> counted = onDevices(results, settings)
                .mapToPair(result -> new Tuple2<>(result.verdict(), new Tuple2<>(1L, result.bytesWritten())))
                .reduceByKey((one, other) -> new Tuple2<>(one._1 + other._1, one._2 + other._2))
                .collectAsMap();
        Map<String, Long> exports = new TreeMap<>();
        counted.forEach((verdict, sum) -> exports.put(verdict, sum._1));
        return new Forecast(
                exports, counted.values().stream().mapToLong(sum -> sum._2).sum());
    }

    private <T> JavaRDD<T> onDevices(JavaRDD<T> work, ExportRequest.Settings settings) {
        return settings.device() == DeviceChoice.cpu
                ? work
                : GpuTasks.each(work, spark.sparkContext().getConf());
    }

    private Dataset<Row> listed(JobRun run) throws IOException {
        return list instanceof ExportList.Audit audit
                ? PlanTable.checked(run, AuditedExports.read(spark, run.store(), audit, output), audit.uri())
                : PlanTable.read(spark, run, list.uri());
    }

    private JavaRDD<ExportRequest> requests(JobRun run, ExportRequest.Settings settings) throws IOException {
        return listed(run)
                .javaRDD()
                .map(row -> new ExportRequest(
                        PlanTable.text(row, PlanTable.ADAPTER),
                        PlanTable.text(row, PlanTable.BASE),
                        PlanTable.text(row, PlanTable.OUTPUT),
                        settings));
    }

    /**
     * Exports everything that the plan lists.
     *
     * @throws IOException if the plan cannot be read or the output cannot be written: nothing was exported then
     */
    public MergeRecord run(ExportRequest.Settings settings) throws IOException {
        JobRun run = new JobRun(spark, List.of(list.uri()));
        JavaRDD<ExportRequest> requests = requests(run, settings);
        RunFolder folder = run.begin(output, progress);
        JobRun.Stores stores = run.stores();
        long count = requests.count();
        progress.reading(count, "adapters");
        LongAccumulator done = spark.sparkContext().longAccumulator("exports");
        progress.watch(done, spark.sparkContext().longAccumulator("failed"));
        String version = toolVersion;
        int threads = spark.sparkContext().getConf().getInt("spark.task.cpus", 1);
        JavaRDD<Row> rows = requests.repartition(run.tasks(count, EXPORTS_PER_TASK))
                .map(request -> {
                    OneExport export = new OneExport(stores.open(), request, version, threads, GpuTasks.address());
                    Row row = MergesTable.row(export.run());
                    done.add(1);
                    return row;
                });
        String table = folder.table(MergesTable.EXPORTS);
        spark.createDataFrame(onDevices(rows, settings), MergesTable.SCHEMA)
                .write()
                .parquet(table);
        progress.done();
        MergeRecord record = new MergeRecord(
                folder.runId(),
                toolVersion,
                run.started().toString(),
                run.seconds(),
                list.uri(),
                count,
                MergesTable.statuses(spark, table),
                MergesTable.firstErrors(spark, table));
        folder.complete(RunRecordJson.write(record));
        return record;
    }
}

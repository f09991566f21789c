package io.doraxis.spark;

import io.doraxis.adapter.CheckpointKind;
import io.doraxis.audit.AtlasColumns;
import io.doraxis.audit.AtlasColumns.LayerNorms;
import io.doraxis.audit.CheckpointAudit;
import io.doraxis.audit.CheckpointAuditor;
import io.doraxis.audit.CheckpointAuditor.ValueSource;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.catalog.StoredObject;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.dora.WeightNorms;
import io.doraxis.naming.BaseWeight;
import io.doraxis.store.Fetcher;
import io.doraxis.store.Folder;
import io.doraxis.store.ObjectStore;
import io.doraxis.store.RunFolder;
import io.doraxis.store.StoreFailure;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Spliterators;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.LongAccumulator;
import scala.Tuple2;

/** The atlas: list, read headers, stream each weight of the models once, write its norms. */
public final class AtlasJob {
    private static final String WEIGHT = ".weight";
    private static final long BYTES_PER_TASK = 256L << 20;

    private final SparkSession spark;
    private final List<String> inputs;
    private final String output;
    private final Progress progress;
    private final String toolVersion;

    public AtlasJob(SparkSession spark, List<String> inputs, String output, Progress progress, String toolVersion) {
        this.spark = spark;
        this.inputs = List.copyOf(inputs);
        this.output = output;
        this.progress = progress;
        this.toolVersion = toolVersion;
    }

    /** A weight file and what it turned out to be: a kind, or why it could not be read. */
    private record Looked(String what, String base, StoredObject file, ArrayList<TensorInfo> weights)
            implements Serializable {
        boolean isModel() {
            return what.equals(CheckpointKind.MODEL.name());
        }

        Stream<Weight> each() {
            return weights.stream().map(tensor -> new Weight(base, file, tensor));
        }
    }

    private record Weight(String base, StoredObject file, TensorInfo tensor) implements Serializable {}

    /**
     * A weight that was streamed.
     *
     * @param norms null where the store failed
     * @param failure why; null where it did not
     */
    private record Streamed(Weight weight, LayerNorms norms, String failure) implements Serializable {
        boolean isThere() {
            return norms != null;
        }

        String file() {
            return weight.file.uri();
        }
    }

    /**
     * Writes the atlas of all models below the inputs.
     *
     * @throws IOException if a root cannot be listed or the output cannot be written: nothing was read then
     */
    public AtlasRecord run() throws IOException {
        JobRun run = new JobRun(spark, inputs);
        RunFolder folder = run.begin(output, progress);
        JobRun.Stores stores = run.stores();
        progress.listing();
        int tasks = run.parallelism();
        try (Listing listing = Listing.of(spark, Folder.split(run.store(), inputs, tasks), tasks, stores)) {
            JavaRDD<Looked> looked = listing.folders(tasks)
                    .flatMap(grouping -> grouping.checkpoints().iterator())
                    .mapPartitions(checkpoints -> look(checkpoints, stores.open()))
                    .persist(StorageLevel.MEMORY_AND_DISK());
            AtlasRecord record = write(looked, run, stores, folder);
            folder.complete(RunRecordJson.write(record));
            return record;
        }
    }

    private AtlasRecord write(JavaRDD<Looked> looked, JobRun run, JobRun.Stores stores, RunFolder folder) {
        JavaRDD<Weight> weights = looked.flatMap(file -> file.each().iterator());
        long bytes = weights.map(weight -> weight.tensor.bytes()).fold(0L, Long::sum);
        progress.reading(weights.count(), "weights");
        LongAccumulator done = spark.sparkContext().longAccumulator("weights");
        LongAccumulator failed = spark.sparkContext().longAccumulator("unreadable");
        progress.watch(done, failed);
        JavaRDD<Streamed> streamed = weights.repartition(run.tasks(bytes, BYTES_PER_TASK))
                .mapPartitions(each -> {
                    ObjectStore store = stores.open();
                    return stream(each)
                            .map(weight -> stream(weight, store, done, failed))
                            .iterator();
                })
                .persist(StorageLevel.DISK_ONLY()); // read once, asked more than once
        JavaRDD<Streamed> there = streamed.filter(Streamed::isThere);
        JavaRDD<Row> rows = there.map(each -> Tables.row(AtlasColumns.COLUMNS, each.norms));
        spark.createDataFrame(rows, Tables.schema(AtlasColumns.COLUMNS))
                .write()
                .parquet(folder.table(AtlasColumns.NAME));
        progress.done();
        AtlasRecord record = new AtlasRecord(
                folder.runId(),
                toolVersion,
                run.started().toString(),
                run.seconds(),
                inputs,
                files(looked, streamed),
                there.map(each -> each.norms.base()).distinct().count(),
                there.count(),
                there.map(each -> each.weight.tensor.bytes()).fold(0L, Long::sum));
        streamed.unpersist();
        looked.unpersist();
        return record;
    }

    /** How many files turned out to be what; a model that could not be read to its end is one that could not be read. */
    private static Map<String, Long> files(JavaRDD<Looked> looked, JavaRDD<Streamed> streamed) {
        Map<String, Long> files = new TreeMap<>(looked.map(Looked::what).countByValue());
        streamed.filter(each -> !each.isThere())
                .mapToPair(each -> new Tuple2<>(each.file(), each.failure))
                .reduceByKey((one, other) -> one)
                .values()
                .countByValue()
                .forEach((failure, count) -> {
                    files.merge(failure, count, Long::sum);
                    files.merge(CheckpointKind.MODEL.name(), -count, Long::sum);
                });
        files.values().removeIf(count -> count == 0);
        return files;
    }

    private static <T> Stream<T> stream(Iterator<T> each) {
        return StreamSupport.stream(Spliterators.spliteratorUnknownSize(each, 0), false);
    }

    private static Iterator<Looked> look(Iterator<Checkpoint> checkpoints, ObjectStore store) {
        CheckpointAuditor auditor = new CheckpointAuditor(ConsumerRules.bundled());
        Fetcher fetcher = new Fetcher(store);
        return stream(checkpoints)
                .flatMap(checkpoint ->
                        checkpoint.weights().stream().map(file -> look(file, checkpoint.uri(), auditor, fetcher)))
                .iterator();
    }

    /** Each weight file of a checkpoint by itself: a shard is a model too. */
    private static Looked look(StoredObject file, String base, CheckpointAuditor auditor, Fetcher fetcher) {
        Checkpoint alone = Checkpoint.file(file);
        CheckpointAudit audit = auditor.audit(alone, fetcher.fetch(alone).weights(), null, ValueSource.IN_HAND);
        String what = audit.contents() == null
                ? audit.reading().reason().name()
                : audit.contents().kind().name();
        Looked looked = new Looked(what, base, file, new ArrayList<>());
        if (looked.isModel()) {
            audit.contents().index().tensors().stream()
                    .filter(AtlasJob::isWeight)
                    .forEach(looked.weights::add);
        }
        return looked;
    }

    private static boolean isWeight(TensorInfo tensor) {
        return tensor.name().endsWith(WEIGHT)
                && tensor.begin() != TensorInfo.NOWHERE
                && tensor.strides() == null
                && WeightNorms.has(tensor.shape(), tensor.dtype());
    }

    private static Streamed stream(Weight weight, ObjectStore store, LongAccumulator done, LongAccumulator failed) {
        TensorInfo tensor = weight.tensor;
        done.add(1);
        try (InputStream data = store.reader(weight.file).open(tensor.begin(), tensor.end())) {
            WeightNorms norms = WeightNorms.of(tensor.shape(), tensor.dtype(), data);
            String module = new BaseWeight(tensor.name(), tensor.shape()).module();
            return new Streamed(
                    weight, new LayerNorms(weight.base, module, tensor.shape(), tensor.dtype(), norms), null);
        } catch (IOException e) {
            failed.add(1);
            return new Streamed(
                    weight, null, StoreFailure.of(weight.file.uri(), e).reason().name());
        }
    }
}

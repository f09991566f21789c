package io.doraxis.spark;

import io.doraxis.adapter.CheckpointKind;
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
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.LongAccumulator;
import org.apache.spark.util.SerializableConfiguration;

/** The atlas: list, read headers, stream each weight of the models once, write its norms. */
public final class AtlasJob {
    private static final String WEIGHT = ".weight";
    private static final long BYTES_PER_TASK = 256L << 20;
    private static final int MAX_TASKS = 10_000;

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
    }

    private record Weight(String base, StoredObject file, TensorInfo tensor) implements Serializable {}

    /**
     * Writes the atlas of all models below the inputs.
     *
     * @throws IOException if a root cannot be listed or the output cannot be written: nothing was read then
     */
    public AtlasRecord run() throws IOException {
        Instant started = Instant.now();
        JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
        Configuration configuration = context.hadoopConfiguration();
        ObjectStore store = new ObjectStore(configuration);
        for (String input : inputs) {
            store.status(input);
        }
        RunFolder run = RunFolder.begin(store, output, started);
        run.unfinished().forEach(progress::removedUnfinishedRun);
        Broadcast<SerializableConfiguration> shipped = context.broadcast(new SerializableConfiguration(configuration));
        progress.listing();
        int parallelism = context.defaultParallelism();
        try (Listing listing = Listing.of(spark, Folder.split(store, inputs, parallelism), parallelism, shipped)) {
            JavaRDD<Looked> looked = listing.folders(parallelism)
                    .flatMap(folder -> folder.checkpoints().iterator())
                    .flatMap(checkpoint -> look(
                                    checkpoint, new ObjectStore(shipped.value().value()))
                            .iterator())
                    .persist(StorageLevel.MEMORY_AND_DISK());
            AtlasRecord record = write(looked, shipped, run, started);
            looked.unpersist();
            run.complete(RunRecordJson.write(record));
            return record;
        }
    }

    private AtlasRecord write(
            JavaRDD<Looked> looked, Broadcast<SerializableConfiguration> shipped, RunFolder run, Instant started) {
        JavaRDD<Weight> weights = looked.flatMap(file -> file.weights.stream()
                .map(tensor -> new Weight(file.base, file.file, tensor))
                .iterator());
        Map<String, Long> files = new TreeMap<>(looked.map(Looked::what).countByValue());
        long models =
                looked.filter(Looked::isModel).map(Looked::base).distinct().count();
        long count = weights.count();
        long bytes = weights.map(weight -> weight.tensor.bytes()).fold(0L, Long::sum);
        progress.reading(count, "weights");
        LongAccumulator done = spark.sparkContext().longAccumulator("weights");
        progress.watch(done, spark.sparkContext().longAccumulator("unreadable"));
        JavaRDD<Row> rows = weights.repartition(tasks(bytes)).map(weight -> {
            Row row = row(weight, new ObjectStore(shipped.value().value()));
            done.add(1);
            return row;
        });
        spark.createDataFrame(rows, AtlasTable.SCHEMA).write().parquet(run.table(AtlasTable.NAME));
        progress.done();
        double seconds = Duration.between(started, Instant.now()).toMillis() / 1000.0;
        return new AtlasRecord(
                run.runId(), toolVersion, started.toString(), seconds, inputs, files, models, count, bytes);
    }

    private int tasks(long bytes) {
        long wanted = Math.max(spark.sparkContext().defaultParallelism(), bytes / BYTES_PER_TASK + 1);
        return (int) Math.min(MAX_TASKS, wanted);
    }

    /** Each weight file of a checkpoint by itself: a shard is a model too. */
    private static List<Looked> look(Checkpoint checkpoint, ObjectStore store) {
        CheckpointAuditor auditor = new CheckpointAuditor(ConsumerRules.bundled());
        List<Looked> looked = new ArrayList<>();
        for (StoredObject file : checkpoint.weights()) {
            Checkpoint alone = Checkpoint.file(file);
            CheckpointAudit audit =
                    auditor.audit(alone, new Fetcher(store).fetch(alone).weights(), null, ValueSource.IN_HAND);
            String what = audit.contents() == null
                    ? audit.reading().reason().name()
                    : audit.contents().kind().name();
            Looked each = new Looked(what, checkpoint.uri(), file, new ArrayList<>());
            if (each.isModel()) {
                audit.contents().index().tensors().stream()
                        .filter(AtlasJob::isWeight)
                        .forEach(each.weights::add);
            }
            looked.add(each);
        }
        return looked;
    }

    private static boolean isWeight(TensorInfo tensor) {
        return tensor.name().endsWith(WEIGHT)
                && tensor.begin() != TensorInfo.NOWHERE
                && tensor.strides() == null
                && WeightNorms.has(tensor.shape(), tensor.dtype());
    }

    private static Row row(Weight weight, ObjectStore store) throws IOException {
        TensorInfo tensor = weight.tensor;
        try (InputStream data = store.reader(weight.file).open(tensor.begin(), tensor.end())) {
            WeightNorms norms = WeightNorms.of(tensor.shape(), tensor.dtype(), data);
            String module = new BaseWeight(tensor.name(), tensor.shape()).module();
            return AtlasTable.row(weight.base, module, tensor.shape(), tensor.dtype(), norms);
        }
    }
}

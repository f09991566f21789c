package io.doraxis.spark;

import io.doraxis.store.ObjectStore;
import io.doraxis.store.RunFolder;
import java.io.IOException;
import java.io.Serializable;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;
import org.slf4j.MDC;

/** What every job needs around its work: when it began, the stores, its place in the output, the number of tasks. */
final class JobRun {
    private static final int MAX_TASKS = 20_000;
    private static final String LOGGED_RUN_ID = "mdc.run_id"; // Spark hands what begins with mdc. to tasks' loggers

    private final Instant started = Instant.now();
    private final SparkSession spark;
    private final ObjectStore store;

    /**
     * Begins a job.
     *
     * @throws IOException if one of the inputs is not there
     */
    JobRun(SparkSession spark, List<String> inputs) throws IOException {
        this.spark = spark;
        this.store = new ObjectStore(configuration());
        for (String input : inputs) {
            store.status(input);
        }
    }

    private Configuration configuration() {
        return spark.sparkContext().hadoopConfiguration();
    }

    /** The stores as tasks reach them. */
    record Stores(Broadcast<SerializableConfiguration> configuration) implements Serializable {
        /** For a task: opening one for each object would be slow. */
        ObjectStore open() {
            return new ObjectStore(configuration.value().value());
        }
    }

    Stores stores() {
        JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
        return new Stores(context.broadcast(new SerializableConfiguration(configuration())));
    }

    /** The stores as the driver reaches them. */
    ObjectStore store() {
        return store;
    }

    /**
     * Makes the output ready: from here on the run leaves something, and what it logs, its tasks too, names it.
     *
     * @throws IOException if nothing can be written there
     */
    RunFolder begin(String output, Progress progress) throws IOException {
        RunFolder folder = RunFolder.begin(store, output, started, Tables.NAMES);
        folder.unfinished().forEach(progress::removedUnfinishedRun);
        MDC.put(LOGGED_RUN_ID, folder.runId());
        spark.sparkContext().setLocalProperty(LOGGED_RUN_ID, folder.runId());
        return folder;
    }

    Instant started() {
        return started;
    }

    /** Since the start. */
    double seconds() {
        return Duration.between(started, Instant.now()).toMillis() / 1000.0;
    }

    /** How often Spark runs a task that fails; of a local master, once. */
    static int taskAttempts(SparkSession spark) {
        SparkContext context = spark.sparkContext();
        return context.isLocal() ? 1 : context.getConf().getInt("spark.task.maxFailures", 4);
    }

    int parallelism() {
        return spark.sparkContext().defaultParallelism();
    }

    /** Tasks for an amount of work: all cores have some, and none has too much to do again if it fails. */
    int tasks(long amount, long perTask) {
        return (int) Math.min(MAX_TASKS, Math.max(amount / perTask + 1, parallelism()));
    }
}

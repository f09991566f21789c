package io.doraxis.spark;

import com.sun.management.OperatingSystemMXBean;
import io.doraxis.audit.ValueUse;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerJobEnd;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.sql.SparkSession;

/**
 * An audit of a synthetic hub, and what it took: {@code ScaleMain OBJECTS OUTPUT [PREVIOUS]}. Prints {@code measured}, the
 * seconds, the CPU seconds of the driver and of its tasks, and the largest heap of the driver, in bytes, after a full collection
 * at the end of any of its jobs.
 */
public final class ScaleMain {
    private ScaleMain() {}

    /** What a driver keeps, and what tasks took. */
    private static final class Watch extends SparkListener {
        private final AtomicLong heap = new AtomicLong();
        private final AtomicLong taskNanos = new AtomicLong();

        @Override
        public void onJobEnd(SparkListenerJobEnd job) {
            System.gc();
            heap.accumulateAndGet(
                    ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed(), Math::max);
        }

        @Override
        public void onTaskEnd(SparkListenerTaskEnd task) {
            if (task.taskMetrics() != null) {
                taskNanos.addAndGet(task.taskMetrics().executorCpuTime()
                        + task.taskMetrics().executorDeserializeCpuTime());
            }
        }
    }

    public static void main(String[] args) throws Exception {
        Watch watch = new Watch();
        RunRecord record;
        try (SparkSession spark = SparkSession.builder().getOrCreate();
                Progress progress = new Progress(System.err, false)) {
            spark.sparkContext().addSparkListener(watch);
            AuditOptions options = new AuditOptions(
                    List.of("synthetic://" + args[0] + "/"),
                    null,
                    args.length > 2 ? args[2] : null,
                    args[1],
                    true,
                    32,
                    ValueUse.NONE,
                    null);
            record = new AuditJob(spark, options, progress, "scale").run();
            System.gc();
        }
        double driver =
                ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime() / 1e9;
        System.out.printf(
                "measured %d %d %d %.1f %.1f %.1f %d%n",
                record.objects_listed(),
                record.checkpoints(),
                record.requests(),
                record.seconds(),
                driver,
                watch.taskNanos.get() / 1e9,
                watch.heap.get());
    }
}

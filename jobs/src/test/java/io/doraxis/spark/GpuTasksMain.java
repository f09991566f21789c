package io.doraxis.spark;

import java.io.Serializable;
import java.util.Collections;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;

/** Runs tasks that want a GPU each, in a session of the system properties' settings, and prints what they saw. */
final class GpuTasksMain {
    static final int TASKS = 8;
    private static final long MILLIS = 400;

    private GpuTasksMain() {}

    /** What a task saw: the address of its GPU, and from when to when it ran. */
    record Seen(String executor, String gpu, int cpus, long from, long to) implements Serializable {
        @Override
        public String toString() {
            return "SEEN %s %s %d %d %d".formatted(executor, gpu, cpus, from, to);
        }

        static Stream<Seen> of(Stream<String> lines) {
            return lines.filter(line -> line.startsWith("SEEN "))
                    .map(line -> line.split(" "))
                    .map(words -> new Seen(
                            words[1],
                            words[2],
                            Integer.parseInt(words[3]),
                            Long.parseLong(words[4]),
                            Long.parseLong(words[5])));
        }

        boolean overlaps(Seen other) {
            return from < other.to && other.from < to;
        }

        boolean shares(Seen other) {
            return executor.equals(other.executor) && gpu.equals(other.gpu);
        }
    }

    public static void main(String[] args) {
        SparkConf conf = new SparkConf();
        try (JavaSparkContext context = new JavaSparkContext(conf)) {
            JavaRDD<Seen> work =
                    context.parallelize(Collections.nCopies(TASKS, 0), TASKS).map(each -> seen());
            GpuTasks.each(work, conf).collect().forEach(System.out::println);
        }
    }

    private static Seen seen() throws InterruptedException {
        long from = System.currentTimeMillis();
        Thread.sleep(MILLIS); // long enough for tasks to run side by side
        return new Seen(
                SparkEnv.get().executorId(),
                String.valueOf(GpuTasks.address()),
                TaskContext.get().cpus(),
                from,
                System.currentTimeMillis());
    }
}

package io.doraxis.spark;

import java.util.Optional;
import org.apache.spark.SparkConf;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.resource.ResourceInformation;
import org.apache.spark.resource.ResourceProfileBuilder;
import org.apache.spark.resource.TaskResourceRequests;

/** How tasks get a GPU from Spark, if they are to have one. */
final class GpuTasks {
    private static final String GPU = "gpu";
    private static final String OF_TASK = "spark.task.resource.gpu.amount";
    private static final String OF_EXECUTOR = "spark.executor.resource.gpu.amount";

    private GpuTasks() {}

    /** Why no task will have one; empty where they will. */
    static Optional<String> objection(SparkConf conf) {
        String master = conf.get("spark.master", "?");
        String reason =
                isOneProcess(conf) ? ", which is one process" : ": " + OF_EXECUTOR + " is not set, see conf/gpu.conf";
        return isAssigned(conf)
                ? Optional.empty()
                : Optional.of("Spark assigns no gpu to tasks of master " + master + reason);
    }

    private static boolean isAssigned(SparkConf conf) {
        return !isOneProcess(conf) && conf.getDouble(OF_EXECUTOR, 0) > 0;
    }

    private static boolean isOneProcess(SparkConf conf) {
        String master = conf.get("spark.master", "");
        return master.equals("local") || master.startsWith("local[");
    }

    /**
     * Work whose tasks have a GPU each. Where every task of the application has one by its settings that is so already;
     * else those of this stage alone ask for one, of those that the executors have.
     */
    static <T> JavaRDD<T> each(JavaRDD<T> work, SparkConf conf) {
        if (!isAssigned(conf) || conf.contains(OF_TASK)) {
            return work;
        }
        TaskResourceRequests wanted = new TaskResourceRequests()
                .cpus(conf.getInt("spark.task.cpus", 1))
                .resource(GPU, 1);
        return work.withResources(new ResourceProfileBuilder().require(wanted).build());
    }

    /** Of the GPU that Spark assigned to the running task; null where there is no such. */
    static String address() {
        TaskContext task = TaskContext.get();
        ResourceInformation gpu = task == null ? null : task.resourcesJMap().get(GPU);
        return gpu == null || gpu.addresses().length == 0 ? null : gpu.addresses()[0];
    }
}

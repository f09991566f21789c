package io.doraxis.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.fixtures.LocalCluster;
import io.doraxis.spark.GpuTasksMain.Seen;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which tasks get which GPU, of devices that a discovery script announces and that nobody has. */
class GpuTasksIT {
    @TempDir
    private Path folder;

    /** Tasks on an executor with two cores, of a worker with as many devices as there are addresses. */
    private List<Seen> seen(int devicesOfExecutor, String devicesOfTask, String... addresses) throws Exception {
        LocalCluster cluster = new LocalCluster(folder);
        String script = cluster.gpus(addresses).toString();
        Map<String, String> settings = new TreeMap<>(Map.of(
                "spark.master",
                "local-cluster[1,2,1024]",
                "spark.worker.resource.gpu.amount",
                String.valueOf(addresses.length),
                "spark.worker.resource.gpu.discoveryScript",
                script,
                "spark.executor.resource.gpu.amount",
                String.valueOf(devicesOfExecutor)));
        if (devicesOfTask != null) {
            settings.put("spark.task.resource.gpu.amount", devicesOfTask);
        }
        List<String> lines = cluster.run(settings, GpuTasksMain.class.getName());
        List<Seen> seen = Seen.of(lines.stream()).toList();
        assertThat(seen).as(String.join("\n", lines)).hasSize(GpuTasksMain.TASKS);
        return seen;
    }

    private static long shared(List<Seen> seen) {
        return seen.stream()
                .filter(one ->
                        seen.stream().anyMatch(other -> one != other && one.overlaps(other) && one.shares(other)))
                .count();
    }

    private static long sideBySide(List<Seen> seen) {
        return seen.stream()
                .filter(one -> seen.stream().anyMatch(other -> one != other && one.overlaps(other)))
                .count();
    }

    @Test
    void everyTaskHasADeviceOfItsOwnWhereAllTasksAskForOne() throws Exception {
        List<Seen> seen = seen(2, "1", "0", "1");
        assertThat(seen).extracting(Seen::gpu).contains("0", "1").isSubsetOf("0", "1");
        assertThat(sideBySide(seen)).isPositive();
        assertThat(shared(seen)).as("%s", seen).isZero();
    }

    @Test
    void everyTaskOfTheStageHasADeviceOfItsOwnWhereExecutorsAloneHaveThem() throws Exception {
        List<Seen> seen = seen(2, null, "4", "5", "6");
        assertThat(seen).extracting(Seen::gpu).isSubsetOf("4", "5", "6");
        assertThat(seen).extracting(Seen::cpus).containsOnly(1);
        assertThat(sideBySide(seen)).isPositive();
        assertThat(shared(seen)).as("%s", seen).isZero();
    }

    @Test
    void aSharedDeviceWouldBeSeen() {
        Seen first = new Seen("0", "1", 1, 100, 200);
        assertThat(shared(List.of(first, new Seen("0", "1", 1, 199, 300)))).isEqualTo(2);
        assertThat(shared(List.of(first, new Seen("0", "1", 1, 200, 300)))).isZero();
        assertThat(shared(List.of(first, new Seen("0", "2", 1, 150, 300)))).isZero();
    }

    @Test
    void withoutDevicesThereIsAnObjection() {
        SparkConf conf = new SparkConf(false).setMaster("spark://there:7077");
        assertThat(GpuTasks.objection(conf))
                .contains("Spark assigns no gpu to tasks of master spark://there:7077:"
                        + " spark.executor.resource.gpu.amount is not set, see conf/gpu.conf");
        conf.set("spark.executor.resource.gpu.amount", "1");
        assertThat(GpuTasks.objection(conf)).isEmpty();
        assertThat(GpuTasks.objection(conf.setMaster("local-cluster[1,1,1024]")))
                .isEmpty();
        assertThat(GpuTasks.objection(conf.setMaster("local[2]")))
                .contains("Spark assigns no gpu to tasks of master local[2], which is one process");
    }
}

package io.doraxis.spark;

import io.doraxis.spark.MergeUnits.Unit;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import org.apache.spark.Partitioner;
import org.apache.spark.broadcast.Broadcast;

/**
 * Which task writes which file: each goes, the costliest first, to the task that has the least so far.
 *
 * @param taskOf each unit
 */
record MergePacking(Map<Unit, Integer> taskOf, int tasks) implements Serializable {
    /** A unit and about what it costs. */
    record Cost(Unit unit, long cost) implements Serializable {}

    private record Task(int number, long cost) {}

    /** @param tasks at the most */
    static MergePacking of(List<Cost> costs, int tasks) {
        List<Cost> falling = new ArrayList<>(costs);
        falling.sort(Comparator.comparingLong(Cost::cost)
                .reversed()
                .thenComparing(Cost::unit, Comparator.comparingLong(Unit::row).thenComparingInt(Unit::shard)));
        int count = Math.max(1, Math.min(tasks, costs.size()));
        PriorityQueue<Task> least =
                new PriorityQueue<>(Comparator.comparingLong(Task::cost).thenComparingInt(Task::number));
        for (int task = 0; task < count; task++) {
            least.add(new Task(task, 0));
        }
        Map<Unit, Integer> taskOf = new HashMap<>();
        for (Cost each : falling) {
            Task task = least.remove();
            taskOf.put(each.unit, task.number);
            least.add(new Task(task.number, task.cost + each.cost));
        }
        return new MergePacking(taskOf, count);
    }

    int units() {
        return taskOf.size();
    }

    /** A task is a partition. */
    static final class Tasks extends Partitioner {
        private static final long serialVersionUID = 1;
        private final int count;
        private final Broadcast<MergePacking> packing;

        Tasks(int count, Broadcast<MergePacking> packing) {
            this.count = count;
            this.packing = packing;
        }

        @Override
        public int numPartitions() {
            return count;
        }

        @Override
        public int getPartition(Object unit) {
            // a merge that is planned again, after a process was lost, has other files if its base was changed
            // meanwhile
            return packing.value().taskOf.getOrDefault((Unit) unit, Math.floorMod(unit.hashCode(), count));
        }
    }
}

package io.doraxis.spark;

import io.doraxis.merge.MergeRefusedException;
import io.doraxis.merge.OutputShard;
import io.doraxis.store.ObjectStore;
import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.Row;
import scala.Tuple2;

/**
 * What tasks do with merges: plan them, write their files, gather what became of the files.
 *
 * @param threads of one task
 */
record MergeUnits(JobRun.Stores stores, String toolVersion, int threads) implements Serializable {
    /**
     * One file of one merge.
     *
     * @param row number of the merge
     * @param shard number of the file
     */
    record Unit(long row, int shard) implements Serializable {}

    /**
     * A merge with the cost of each of its files.
     *
     * @param refusal null where it can be done
     */
    record Planned(long row, MergeRequest request, List<Long> shardCosts, MergeResult refusal) implements Serializable {
        List<MergePacking.Cost> costs() {
            List<MergePacking.Cost> costs = new ArrayList<>();
            for (int shard = 0; shard < shardCosts.size(); shard++) {
                costs.add(new MergePacking.Cost(new Unit(row, shard), shardCosts.get(shard)));
            }
            return costs;
        }

        List<Tuple2<Unit, MergeRequest>> units() {
            return costs().stream()
                    .map(cost -> new Tuple2<>(cost.unit(), request))
                    .toList();
        }

        List<Tuple2<Long, Written>> refused() {
            return refusal == null ? List.of() : List.of(new Tuple2<>(row, Written.ended(refusal)));
        }
    }

    /**
     * A file that was written.
     *
     * @param ended what became of the merge, where that is known already: it failed, or has one file
     */
    record Written(MergeRequest request, int shard, ShardResult result, Computed computed, MergeResult ended)
            implements Serializable {
        static Written ended(MergeResult merge) {
            return new Written(merge.request(), 0, null, null, merge);
        }
    }

    Planned plan(Tuple2<Long, MergeRequest> numbered) {
        MergeRequest request = numbered._2;
        try {
            ObjectStore store = stores.open();
            PreparedMerge merge = PreparedMerge.of(store, request, toolVersion);
            merge.output().begin(store);
            List<Long> costs = merge.output().shards().stream().map(merge::cost).toList();
            return new Planned(numbered._1, request, costs, null);
        } catch (MergeRefusedException e) {
            return new Planned(numbered._1, request, List.of(), MergeResult.refused(request, e));
        } catch (IOException | RuntimeException e) {
            return new Planned(numbered._1, request, List.of(), MergeResult.failed(request, e));
        }
    }

    Tuple2<Long, Written> write(Tuple2<Unit, MergeRequest> work) {
        return new Tuple2<>(work._1.row, written(work._1.shard, work._2));
    }

    private Written written(int shard, MergeRequest request) {
        ObjectStore store = stores.open();
        long started = System.nanoTime();
        try {
            PreparedMerge merge = PreparedMerge.of(store, request, toolVersion);
            double planned = (System.nanoTime() - started) / 1e9;
            try (Lanes lanes = new Lanes(Kernels.open(threads, request.settings(), GpuTasks.address()))) {
                OutputShard output = merge.output().shards().get(shard);
                ShardWriter writer = new ShardWriter(store, merge, lanes, bytes -> {});
                ShardResult result = isRetry() ? writer.writeAgain(output) : writer.writeUnlessThere(output);
                return merge.output().shards().size() > 1
                        ? new Written(request, shard, result, lanes.computed(), null)
                        : Written.ended(
                                MergeResult.of(merge, List.of(result), lanes.computed(), Map.of("plan", planned)));
            }
        } catch (MergeRefusedException e) {
            return Written.ended(MergeResult.refused(request, e));
        } catch (IOException | RuntimeException e) {
            return Written.ended(MergeResult.failed(request, e));
        }
    }

    /**
     * Whether another process may have written the file in this run and was lost with what it knew of it: the same bytes
     * are written again then, so that its row is that of an undisturbed run.
     */
    private static boolean isRetry() {
        TaskContext task = TaskContext.get();
        return task.attemptNumber() > 0 || task.stageAttemptNumber() > 0;
    }

    Row finish(Tuple2<Long, Iterable<Written>> merge) {
        List<Written> files = new ArrayList<>();
        merge._2.forEach(files::add);
        files.sort(Comparator.comparingInt(Written::shard));
        return MergesTable.row(result(files));
    }

    private MergeResult result(List<Written> files) {
        Written first = files.get(0);
        Optional<MergeResult> ended =
                files.stream().map(Written::ended).filter(Objects::nonNull).findFirst();
        if (ended.isPresent() && (files.size() == 1 || ended.get().status() != MergeResult.Status.REFUSED)) {
            return ended.get();
        }
        ObjectStore store = stores.open();
        try {
            PreparedMerge merge = PreparedMerge.of(store, first.request, toolVersion);
            if (ended.isPresent()) {
                merge.output().removeShards(store);
                return ended.get();
            }
            List<ShardResult> shards = files.stream().map(Written::result).toList();
            ModelIndex.write(store, merge, shards);
            return MergeResult.of(
                    merge,
                    shards,
                    Computed.all(files.stream().map(Written::computed).toList()),
                    Map.of());
        } catch (MergeRefusedException e) {
            return MergeResult.refused(first.request, e);
        } catch (IOException e) {
            return MergeResult.failed(first.request, e);
        }
    }
}

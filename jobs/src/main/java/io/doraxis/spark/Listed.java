package io.doraxis.spark;

import io.doraxis.catalog.Change;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.catalog.Revision;
import java.io.Serializable;
import java.util.Map;
import java.util.TreeMap;

/**
 * What the listing holds, before anything is read.
 *
 * @param changes checkpoints by what became of them since the previous run, those that vanished too; without one all are new
 * @param carriedOver checkpoints that are not read
 */
record Listed(
        long objects,
        long inCheckpoints,
        long checkpoints,
        Map<String, Long> ignored,
        Map<Change, Long> changes,
        long carriedOver)
        implements Serializable {
    static final Listed NOTHING = new Listed(0, 0, 0, Map.of(), Map.of(), 0);

    /** @param carry whether rows of the previous run may be carried over */
    static Listed of(ListedFolder folder, boolean carry) {
        long inCheckpoints = folder.grouping().checkpoints().stream()
                .mapToLong(Checkpoint::objects)
                .sum();
        long all = inCheckpoints;
        Map<String, Long> ignored = new TreeMap<>();
        for (Map.Entry<?, Integer> entry : folder.grouping().ignored().entrySet()) {
            ignored.put(entry.getKey().toString(), (long) entry.getValue());
            all += entry.getValue();
        }
        Map<Change, Long> changes = new TreeMap<>();
        long carriedOver = 0;
        for (Revision revision : folder.revisions(carry)) {
            changes.merge(revision.change(), 1L, Long::sum);
            carriedOver += revision.isCarriedOver() ? 1 : 0;
        }
        return new Listed(all, inCheckpoints, folder.grouping().checkpoints().size(), ignored, changes, carriedOver);
    }

    Listed plus(Listed other) {
        return new Listed(
                objects + other.objects,
                inCheckpoints + other.inCheckpoints,
                checkpoints + other.checkpoints,
                sum(ignored, other.ignored),
                sum(changes, other.changes),
                carriedOver + other.carriedOver);
    }

    private static <K> Map<K, Long> sum(Map<K, Long> some, Map<K, Long> others) {
        Map<K, Long> sum = new TreeMap<>(some);
        others.forEach((key, count) -> sum.merge(key, count, Long::sum));
        return sum;
    }

    /** Checkpoints, of this run and the previous one, whose earlier rows do not stand. */
    long notCarriedOver() {
        return changes.values().stream().mapToLong(Long::longValue).sum() - carriedOver;
    }
}

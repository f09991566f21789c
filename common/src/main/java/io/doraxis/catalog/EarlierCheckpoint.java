package io.doraxis.catalog;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;

/**
 * A checkpoint as an earlier run found it.
 *
 * @param files that it accounted for, in any order
 * @param card of its repository; null without one
 * @param settled whether its row stands as long as the files do: it does not where the store failed
 */
public record EarlierCheckpoint(String uri, List<StoredObject> files, StoredObject card, boolean settled) {
    private static final Comparator<StoredObject> BY_URI = Comparator.comparing(StoredObject::uri);

    public EarlierCheckpoint {
        files = files.stream().sorted(BY_URI).toList();
    }

    /** Whether that checkpoint is known to be this one still. */
    boolean isStill(Checkpoint now) {
        List<StoredObject> there = new ArrayList<>(now.weights());
        now.side().ifPresent(there::add);
        there.sort(BY_URI);
        boolean same = there.size() == files.size() && isSame(card, now.card());
        for (int i = 0; same && i < files.size(); i++) {
            same = isSame(files.get(i), there.get(i));
        }
        return same;
    }

    /** By the etag where both have one, else by the time where both are known. */
    private static boolean isSame(StoredObject before, StoredObject now) {
        if (before == null || now == null) {
            return before == now;
        }
        boolean alike = before.uri().equals(now.uri()) && before.size() == now.size() && !now.isUnlistable();
        boolean etags = before.etag() != null && now.etag() != null;
        return alike
                && (etags
                        ? Objects.equals(before.etag(), now.etag())
                        : before.modified() != StoredObject.UNKNOWN_TIME && before.modified() == now.modified());
    }
}

package io.doraxis.catalog;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A checkpoint of this run or an earlier one, and what is to be done about it.
 *
 * @param toRead null where its earlier row is carried over, and where it vanished
 */
public record Revision(String uri, Change change, Checkpoint toRead) implements Serializable {
    /**
     * Compares what was found together with what an earlier run found there.
     *
     * @param earlier none without an earlier run
     * @param carry whether rows of unchanged checkpoints may be carried over
     */
    public static List<Revision> of(List<Checkpoint> now, List<EarlierCheckpoint> earlier, boolean carry) {
        Map<String, EarlierCheckpoint> before = new HashMap<>();
        earlier.forEach(checkpoint -> before.put(checkpoint.uri(), checkpoint));
        List<Revision> revisions = new ArrayList<>(now.size());
        for (Checkpoint checkpoint : now) {
            EarlierCheckpoint known = before.remove(checkpoint.uri());
            Change change = known == null ? Change.NEW : known.isStill(checkpoint) ? Change.UNCHANGED : Change.CHANGED;
            boolean carried = change == Change.UNCHANGED && carry && known.settled();
            revisions.add(new Revision(checkpoint.uri(), change, carried ? null : checkpoint));
        }
        before.keySet().forEach(uri -> revisions.add(new Revision(uri, Change.VANISHED, null)));
        return revisions;
    }

    /** Whether its earlier row stands. */
    public boolean isCarriedOver() {
        return change == Change.UNCHANGED && toRead == null;
    }
}

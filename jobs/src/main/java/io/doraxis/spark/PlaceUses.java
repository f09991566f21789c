package io.doraxis.spark;

import io.doraxis.store.ObjectStore;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.Row;
import scala.Tuple2;

/**
 * What the rows of a plan do with a place: whatever order they run in, none may write what another reads or writes.
 *
 * @param writes rows that write it
 * @param writesInto rows that write something directly below it
 * @param reads rows that read it, and do not write it
 */
record PlaceUses(int writes, int writesInto, int reads) implements Serializable {
    private static final PlaceUses WRITTEN = new PlaceUses(1, 0, 0);
    private static final PlaceUses WRITTEN_INTO = new PlaceUses(0, 1, 0);
    private static final PlaceUses READ = new PlaceUses(0, 0, 1);

    /** Those of some rows. */
    static Iterator<Tuple2<String, PlaceUses>> of(ObjectStore store, Iterator<Row> rows) {
        List<Tuple2<String, PlaceUses>> uses = new ArrayList<>();
        while (rows.hasNext()) {
            Row row = rows.next();
            String output = PlanTable.text(row, PlanTable.OUTPUT);
            if (output.isEmpty()) {
                continue; // refused, as a row
            }
            String place = store.place(output);
            String folder = place.substring(0, place.lastIndexOf('/') + 1);
            uses.add(new Tuple2<>(place, WRITTEN));
            uses.add(new Tuple2<>(folder.substring(0, Math.max(0, folder.length() - 1)), WRITTEN_INTO));
            List<String> inputs = new ArrayList<>(List.of(PlanTable.text(row, PlanTable.BASE)));
            inputs.addAll(List.of(PlanTable.text(row, PlanTable.ADAPTER).split(MergeRequest.SEPARATOR)));
            for (String input : inputs) {
                String read = store.place(input.trim());
                if (!input.isBlank() && !read.equals(place) && !(read + "/").equals(folder)) {
                    uses.add(new Tuple2<>(read, READ));
                }
            }
        }
        return uses.iterator();
    }

    PlaceUses and(PlaceUses other) {
        return new PlaceUses(writes + other.writes, writesInto + other.writesInto, reads + other.reads);
    }

    /** Why that cannot be, as what the plan does. */
    Optional<String> objection(String place) {
        if (writes > 1) {
            return Optional.of("lists the output " + place + " twice");
        }
        if (writes + writesInto > 0 && reads > 0) {
            return Optional.of("writes " + (writes > 0 ? "" : "into ") + place + ", which another row reads");
        }
        return writes > 0 && writesInto > 0
                ? Optional.of("writes " + place + " as a model, and another row's output into it")
                : Optional.empty();
    }
}

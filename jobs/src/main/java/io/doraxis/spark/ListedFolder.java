package io.doraxis.spark;

import io.doraxis.catalog.EarlierCheckpoint;
import io.doraxis.catalog.FolderGrouping;
import io.doraxis.catalog.Revision;
import java.util.List;

/**
 * Objects that may form checkpoints, grouped.
 *
 * @param earlier what the previous run found of them; none without one
 */
record ListedFolder(FolderGrouping grouping, List<EarlierCheckpoint> earlier) {
    List<Revision> revisions(boolean carry) {
        return Revision.of(grouping.checkpoints(), earlier, carry);
    }
}

package io.doraxis.store;

import io.doraxis.catalog.Checkpoint;
import io.doraxis.catalog.FolderGrouping;
import io.doraxis.catalog.StoredObject;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;

/** The checkpoint that a path means: a folder with one in it, or one of a checkpoint's files. */
public final class CheckpointFinder {
    private CheckpointFinder() {}

    /**
     * Finds it.
     *
     * @throws IOException if there is nothing at that path, or the store refuses
     * @throws IllegalArgumentException if a folder holds none, or several
     */
    public static Checkpoint find(ObjectStore store, String path) throws IOException {
        FileStatus status = store.status(path);
        boolean folder = status.isDirectory();
        Path parent = folder ? status.getPath() : status.getPath().getParent();
        List<Checkpoint> checkpoints = new ArrayList<>();
        Iterator<StoredObject> objects = Folder.flat(parent.toString()).objects(store);
        for (Checkpoint checkpoint : FolderGrouping.of(() -> objects).checkpoints()) {
            if (folder || holds(checkpoint, status.getPath().toString())) {
                checkpoints.add(checkpoint);
            }
        }
        if (checkpoints.size() == 1) {
            return checkpoints.get(0);
        }
        if (checkpoints.isEmpty() && !folder) {
            return Checkpoint.file(store.object(path));
        }
        throw new IllegalArgumentException(
                checkpoints.isEmpty()
                        ? "no checkpoint in the folder " + path + "; to look below it, use 'doraxis audit --input'"
                        : "%d checkpoints in the folder %s: name one of them, such as %s"
                                .formatted(
                                        checkpoints.size(),
                                        path,
                                        checkpoints.get(0).uri()));
    }

    private static boolean holds(Checkpoint checkpoint, String uri) {
        return checkpoint.uri().equals(uri)
                || checkpoint.weights().stream().anyMatch(file -> file.uri().equals(uri))
                || checkpoint.side().filter(file -> file.uri().equals(uri)).isPresent();
    }
}

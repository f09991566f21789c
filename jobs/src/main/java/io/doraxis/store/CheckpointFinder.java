package io.doraxis.store;

import io.doraxis.catalog.Checkpoint;
import io.doraxis.catalog.FolderGrouping;
import io.doraxis.catalog.StoredObject;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.fs.FileStatus;

/** The checkpoint that a path means: a folder with one in it, or one of a checkpoint's files. */
public final class CheckpointFinder {
    private CheckpointFinder() {}

    /**
     * Finds it. The folder of a named file, which may hold thousands, is listed only where the file's own name does not
     * tell what belongs to it.
     *
     * @throws IOException if there is nothing at that path, or the store refuses
     * @throws IllegalArgumentException if a folder holds none, or several
     */
    public static Checkpoint find(ObjectStore store, String path) throws IOException {
        FileStatus status = store.status(path);
        return status.isDirectory() ? inFolder(store, path, status) : withFile(store, ObjectStore.object(status));
    }

    private static Checkpoint inFolder(ObjectStore store, String path, FileStatus folder) throws IOException {
        List<Checkpoint> checkpoints =
                listed(store, folder.getPath().toString()).checkpoints();
        if (checkpoints.size() == 1) {
            return checkpoints.get(0);
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

    private static FolderGrouping listed(ObjectStore store, String folder) throws IOException {
        Iterator<StoredObject> objects = Folder.flat(folder).objects(store);
        return FolderGrouping.of(() -> objects);
    }

    private static Checkpoint withFile(ObjectStore store, StoredObject file) throws IOException {
        Optional<List<String>> companions = FolderGrouping.companions(file);
        FolderGrouping grouping = companions.isPresent()
                ? FolderGrouping.of(withCompanions(store, file, companions.get()))
                : listed(store, file.directory());
        return grouping.checkpoints().stream()
                .filter(checkpoint -> holds(checkpoint, file.uri()))
                .findFirst()
                .orElseGet(() -> Checkpoint.file(file));
    }

    /** A file and what is there of its companions. */
    private static List<StoredObject> withCompanions(ObjectStore store, StoredObject file, List<String> names)
            throws IOException {
        List<StoredObject> objects = new ArrayList<>();
        objects.add(file);
        for (String name : names) {
            try {
                FileStatus status = store.status(file.directory() + "/" + name);
                if (!status.isDirectory()) {
                    objects.add(ObjectStore.object(status));
                }
            } catch (FileNotFoundException e) {
                continue; // it stands alone, as most do
            }
        }
        return objects;
    }

    private static boolean holds(Checkpoint checkpoint, String uri) {
        return checkpoint.uri().equals(uri)
                || checkpoint.weights().stream().anyMatch(file -> file.uri().equals(uri))
                || checkpoint.side().filter(file -> file.uri().equals(uri)).isPresent();
    }
}

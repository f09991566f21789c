package io.doraxis.store;

import io.doraxis.catalog.StoredObject;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.TreeMap;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.RemoteIterator;

/**
 * A folder to be listed: a task's share of a listing.
 *
 * @param recursive whether everything below belongs to it, or its own files only
 */
public record Folder(String uri, boolean recursive) implements Serializable {
    /**
     * Splits roots into folders for the executors, level by level, until there are enough of them. A root may be a
     * single file.
     *
     * @throws IOException if a root does not exist or cannot be listed
     */
    public static List<Folder> split(ObjectStore store, List<String> roots, int wanted) throws IOException {
        List<Folder> flat = new ArrayList<>();
        List<Path> deep = new ArrayList<>();
        for (FileStatus status : withoutNested(store, roots)) {
            if (status.isDirectory()) {
                deep.add(status.getPath());
            } else {
                flat.add(new Folder(status.getPath().toString(), false));
            }
        }
        List<Path> rootFolders = deep;
        while (deep.size() < wanted) {
            List<Path> below = new ArrayList<>();
            for (Path folder : deep) {
                flat.add(new Folder(folder.toString(), false));
                below.addAll(subfolders(store, folder, deep == rootFolders));
            }
            deep = below;
            if (below.isEmpty()) {
                break;
            }
        }
        deep.forEach(folder -> flat.add(new Folder(folder.toString(), true)));
        return flat;
    }

    /** A root that is given twice, or lies below another, would be listed twice. */
    private static List<FileStatus> withoutNested(ObjectStore store, List<String> roots) throws IOException {
        Map<String, FileStatus> byPath = new TreeMap<>();
        for (String root : roots) {
            FileStatus status = store.status(root);
            byPath.put(status.getPath() + "/", status);
        }
        List<FileStatus> kept = new ArrayList<>();
        String above = null;
        for (Map.Entry<String, FileStatus> entry : byPath.entrySet()) {
            if (above == null || !entry.getKey().startsWith(above)) {
                above = entry.getKey();
                kept.add(entry.getValue());
            }
        }
        return kept;
    }

    private static List<Path> subfolders(ObjectStore store, Path folder, boolean root) throws IOException {
        List<Path> folders = new ArrayList<>();
        FileSystem fileSystem = store.fileSystem(folder);
        RemoteIterator<FileStatus> entries;
        try {
            entries = fileSystem.listStatusIterator(folder);
        } catch (IOException e) {
            if (root) {
                throw e;
            }
            return folders; // its own listing meets the same, and makes a row of it
        }
        while (entries.hasNext()) {
            FileStatus entry = entries.next();
            if (entry.isDirectory() && !isCycle(fileSystem, entry.getPath())) {
                folders.add(entry.getPath());
            }
        }
        return folders;
    }

    /** Lists the objects, a page at a time. */
    public Iterator<StoredObject> objects(ObjectStore store) throws IOException {
        Path path = new Path(uri);
        FileSystem fileSystem = store.fileSystem(path);
        if (recursive && !(fileSystem instanceof RawLocalFileSystem)) {
            return new Objects(fileSystem.listFiles(path, true)); // one flat listing where the store has it
        }
        return new Walk(fileSystem, path, recursive);
    }

    /** A local link to a folder above itself. */
    private static boolean isCycle(FileSystem fileSystem, Path folder) throws IOException {
        if (!(fileSystem instanceof RawLocalFileSystem)) {
            return false;
        }
        java.nio.file.Path local = java.nio.file.Path.of(folder.toUri().getPath());
        return Files.isSymbolicLink(local)
                && local.toAbsolutePath().getParent().toRealPath().startsWith(local.toRealPath());
    }

    private record Objects(RemoteIterator<? extends FileStatus> statuses) implements Iterator<StoredObject> {
        @Override
        public boolean hasNext() {
            try {
                return statuses.hasNext();
            } catch (IOException e) {
                throw new UncheckedIOException(e); // a listing that breaks off would lose objects
            }
        }

        @Override
        public StoredObject next() {
            try {
                return ObjectStore.object(statuses.next());
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /** Depth-first, a folder at a time; a folder that cannot be listed becomes an object of its own. */
    private static final class Walk implements Iterator<StoredObject> {
        private final FileSystem fileSystem;
        private final boolean recursive;
        private final Deque<Path> folders = new ArrayDeque<>();
        private final Deque<StoredObject> objects = new ArrayDeque<>();

        Walk(FileSystem fileSystem, Path root, boolean recursive) {
            this.fileSystem = fileSystem;
            this.recursive = recursive;
            folders.add(root);
        }

        @Override
        public boolean hasNext() {
            while (objects.isEmpty() && !folders.isEmpty()) {
                list(folders.pop());
            }
            return !objects.isEmpty();
        }

        private void list(Path folder) {
            try {
                for (FileStatus status : fileSystem.listStatus(folder)) {
                    if (!status.isDirectory()) {
                        objects.add(ObjectStore.object(status));
                    } else if (recursive && !isCycle(fileSystem, status.getPath())) {
                        folders.push(status.getPath());
                    }
                }
            } catch (IOException e) {
                objects.add(StoredObject.unlistable(folder.toString()));
            }
        }

        @Override
        public StoredObject next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            return objects.pop();
        }
    }
}

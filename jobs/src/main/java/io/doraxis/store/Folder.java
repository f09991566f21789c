package io.doraxis.store;

import io.doraxis.catalog.StoredObject;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.attribute.BasicFileAttributes;
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
 * @param root the root that it lies below, as the user gave it
 */
public record Folder(String uri, boolean recursive, String root) implements Serializable {
    /** The files of one folder, or a single file. */
    public static Folder flat(String uri) {
        return new Folder(uri, false, uri);
    }

    /**
     * Splits roots into folders for the executors, level by level, until there are enough of them. A root may be a
     * single file.
     *
     * @throws IOException if a root does not exist or cannot be listed
     */
    public static List<Folder> split(ObjectStore store, List<String> roots, int wanted) throws IOException {
        List<Folder> flat = new ArrayList<>();
        List<Folder> deep = new ArrayList<>();
        for (FileStatus status : withoutNested(store, roots)) {
            String uri = status.getPath().toString();
            if (status.isDirectory()) {
                deep.add(new Folder(uri, true, uri));
            } else {
                flat.add(flat(uri));
            }
        }
        List<Folder> rootFolders = deep;
        while (deep.size() < wanted) {
            List<Folder> below = new ArrayList<>();
            for (Folder folder : deep) {
                flat.add(new Folder(folder.uri, false, folder.root));
                below.addAll(folder.subfolders(store, deep == rootFolders));
            }
            deep = below;
            if (below.isEmpty()) {
                break;
            }
        }
        flat.addAll(deep);
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

    private List<Folder> subfolders(ObjectStore store, boolean isRoot) throws IOException {
        List<Folder> folders = new ArrayList<>();
        Path path = new Path(uri);
        FileSystem fileSystem = store.fileSystem(path);
        RemoteIterator<FileStatus> entries;
        try {
            entries = fileSystem.listStatusIterator(path);
        } catch (IOException e) {
            if (isRoot) {
                throw e;
            }
            return folders; // its own listing meets the same, and makes a row of it
        }
        while (entries.hasNext()) {
            FileStatus entry = entries.next();
            if (entry.isDirectory() && !isListedElsewhere(fileSystem, entry.getPath(), root)) {
                folders.add(new Folder(entry.getPath().toString(), true, root));
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
        return new Walk(fileSystem, path, recursive, root);
    }

    /**
     * A local link to a folder of the same root, which is listed where it lies, or to one that leads here: links may go
     * in circles.
     */
    private static boolean isListedElsewhere(FileSystem fileSystem, Path folder, String root) throws IOException {
        if (!(fileSystem instanceof RawLocalFileSystem)) {
            return false;
        }
        java.nio.file.Path link =
                java.nio.file.Path.of(folder.toUri().getPath()).toAbsolutePath();
        if (!Files.isSymbolicLink(link)) {
            return false;
        }
        java.nio.file.Path target = link.toRealPath();
        if (target.startsWith(
                java.nio.file.Path.of(new Path(root).toUri().getPath()).toRealPath())) {
            return true;
        }
        for (java.nio.file.Path above = link.getParent(); above != null; above = above.getParent()) {
            if (above.toRealPath().startsWith(target)) {
                return true;
            }
        }
        return false;
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
        private final String root;
        private final Deque<Path> folders = new ArrayDeque<>();
        private final Deque<StoredObject> objects = new ArrayDeque<>();

        Walk(FileSystem fileSystem, Path start, boolean recursive, String root) {
            this.fileSystem = fileSystem;
            this.recursive = recursive;
            this.root = root;
            folders.add(start);
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
                if (fileSystem instanceof RawLocalFileSystem) {
                    listLocally(folder);
                    return;
                }
                for (FileStatus status : fileSystem.listStatus(folder)) {
                    if (!status.isDirectory()) {
                        objects.add(ObjectStore.object(status));
                    } else if (recursive && !isListedElsewhere(fileSystem, status.getPath(), root)) {
                        folders.push(status.getPath());
                    }
                }
            } catch (IOException e) {
                objects.add(StoredObject.unlistable(folder.toString()));
            }
        }

        /** As Hadoop would, but it asks the system three times about each file. */
        private void listLocally(Path folder) throws IOException {
            java.nio.file.Path local = java.nio.file.Path.of(folder.toUri().getPath());
            if (!Files.isDirectory(local)) {
                addLocal(local, folder.getParent());
                return;
            }
            try (DirectoryStream<java.nio.file.Path> entries = Files.newDirectoryStream(local)) {
                for (java.nio.file.Path entry : entries) {
                    addLocal(entry, folder);
                }
            } catch (DirectoryIteratorException e) {
                throw e.getCause();
            }
        }

        private void addLocal(java.nio.file.Path entry, Path folder) throws IOException {
            BasicFileAttributes attributes;
            try {
                attributes = Files.readAttributes(entry, BasicFileAttributes.class);
            } catch (AccessDeniedException e) {
                throw e;
            } catch (FileSystemException e) {
                return; // a link that leads nowhere, or in a circle
            }
            if (!attributes.isDirectory()) {
                long modified = attributes.lastModifiedTime().toMillis();
                objects.add(new StoredObject(ObjectStore.LOCAL + entry, attributes.size(), blob(entry), modified));
            } else if (recursive) {
                Path below = new Path(
                        folder, new Path(null, null, entry.getFileName().toString()));
                if (!isListedElsewhere(fileSystem, below, root)) {
                    folders.push(below);
                }
            }
        }

        /** The name of the blob, which is its digest, that a file of a download cache is a link to; null for any other. */
        private static String blob(java.nio.file.Path entry) throws IOException {
            if (!entry.toString().contains("/snapshots/") || !Files.isSymbolicLink(entry)) {
                return null;
            }
            java.nio.file.Path target = Files.readSymbolicLink(entry);
            boolean isBlob = target.getParent() != null && target.getParent().endsWith("blobs");
            return isBlob ? target.getFileName().toString() : null;
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

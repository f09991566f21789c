package io.doraxis.store;

import io.doraxis.catalog.StoredObject;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.RemoteIterator;

/**
 * The objects of a folder and perhaps of those below, depth-first and one at a time; a folder that cannot be listed, or
 * not to its end, becomes an object of its own.
 */
final class FolderWalk implements Iterator<StoredObject> {
    private final FileSystem fileSystem;
    private final boolean recursive;
    private final String root;
    private final Deque<Path> folders = new ArrayDeque<>();
    private Path folder;
    private Entries entries;
    private StoredObject ahead;

    FolderWalk(FileSystem fileSystem, Path start, boolean recursive, String root) {
        this.fileSystem = fileSystem;
        this.recursive = recursive;
        this.root = root;
        folders.add(start);
    }

    /** The entries of a folder that is open. */
    private interface Entries extends Closeable {
        boolean hasNext() throws IOException;

        /** Takes the next one: an object is now ahead, or a folder is to be walked, or it was neither. */
        void take() throws IOException;
    }

    @Override
    public boolean hasNext() {
        while (ahead == null && (entries != null || !folders.isEmpty())) {
            step();
        }
        return ahead != null;
    }

    private void step() {
        try {
            if (entries == null) {
                folder = folders.pop();
                entries = open(folder);
            } else if (entries.hasNext()) {
                entries.take();
            } else {
                close();
            }
        } catch (IOException e) {
            boolean begun = entries != null; // what was listed may be an adapter that is called as its folder
            ahead = StoredObject.unlistable(begun ? folder + "/" : folder.toString());
            abandon();
        }
    }

    private void close() throws IOException {
        Entries open = entries;
        entries = null;
        open.close();
    }

    private void abandon() {
        if (entries == null) {
            return;
        }
        try {
            close();
        } catch (IOException e) {
            return; // the folder is a row already
        }
    }

    @Override
    public StoredObject next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        StoredObject next = ahead;
        ahead = null;
        return next;
    }

    private Entries open(Path path) throws IOException {
        return fileSystem instanceof RawLocalFileSystem ? new LocalEntries(path) : new StoreEntries(path);
    }

    private final class StoreEntries implements Entries {
        private final RemoteIterator<FileStatus> statuses;

        StoreEntries(Path path) throws IOException {
            statuses = fileSystem.listStatusIterator(path);
        }

        @Override
        public boolean hasNext() throws IOException {
            return statuses.hasNext();
        }

        @Override
        public void take() throws IOException {
            FileStatus status = statuses.next();
            if (!status.isDirectory()) {
                ahead = ObjectStore.object(status);
            } else if (recursive) {
                folders.push(status.getPath());
            }
        }

        @Override
        public void close() throws IOException {
            if (statuses instanceof Closeable closeable) {
                closeable.close();
            }
        }
    }

    /** As Hadoop would, but it asks the system three times about each file, and holds them all. */
    private final class LocalEntries implements Entries {
        private final Path parent;
        private final DirectoryStream<java.nio.file.Path> stream;
        private final Iterator<java.nio.file.Path> paths;

        LocalEntries(Path path) throws IOException {
            java.nio.file.Path local = java.nio.file.Path.of(path.toUri().getPath());
            boolean directory = Files.isDirectory(local);
            if (!directory && !Files.exists(local)) {
                throw new NoSuchFileException(local.toString()); // gone, or of a name that is not UTF-8
            }
            parent = directory ? path : path.getParent();
            stream = directory ? Files.newDirectoryStream(local) : null;
            paths = directory ? stream.iterator() : List.of(local).iterator();
        }

        @Override
        public boolean hasNext() throws IOException {
            try {
                return paths.hasNext();
            } catch (DirectoryIteratorException e) {
                throw e.getCause();
            }
        }

        @Override
        public void take() throws IOException {
            java.nio.file.Path entry = paths.next();
            BasicFileAttributes attributes;
            try {
                attributes = Files.readAttributes(entry, BasicFileAttributes.class);
            } catch (AccessDeniedException e) {
                throw e;
            } catch (FileSystemException e) {
                return; // a link that leads nowhere, or in a circle
            }
            if (!attributes.isDirectory()) {
                ahead = new StoredObject(
                        ObjectStore.LOCAL + entry,
                        attributes.size(),
                        blob(entry),
                        attributes.lastModifiedTime().toMillis());
            } else if (recursive) {
                Path below = new Path(
                        parent, new Path(null, null, entry.getFileName().toString()));
                if (!Folder.isListedElsewhere(fileSystem, below, root)) {
                    folders.push(below);
                }
            }
        }

        @Override
        public void close() throws IOException {
            if (stream != null) {
                stream.close();
            }
        }
    }

    /** The name of the blob, which is its digest, that a file of a download cache is a link to; null for any other. */
    static String blob(java.nio.file.Path entry) throws IOException {
        if (!entry.toString().contains("/snapshots/") || !Files.isSymbolicLink(entry)) {
            return null;
        }
        java.nio.file.Path target = Files.readSymbolicLink(entry);
        boolean isBlob = target.getParent() != null && target.getParent().endsWith("blobs");
        return isBlob ? target.getFileName().toString() : null;
    }
}

package io.doraxis.store;

import io.doraxis.catalog.StoredObject;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.hadoop.util.functional.RemoteIterators;

/**
 * A folder to be listed: a task's share of a listing.
 *
 * @param root the root that it lies below, as the user gave it
 */
public record Folder(String uri, Extent extent, String root) implements Serializable {
    /** What of a folder belongs to a share. */
    enum Extent {
        /** Its own files only. */
        FILES,
        /** Everything below. */
        TREE,
        /** Everything below, which is to be spread: it has more subfolders than the driver should hold. */
        WIDE
    }

    /** How many subfolders the driver holds at the most, in all. */
    private static final int MOST_SUBFOLDERS = 20_000;

    /** The store whose keys have no folders: one listing, in pages, tells everything below a prefix. */
    private static final String FLAT_STORE = "s3a";

    /** The files of one folder, or a single file. */
    public static Folder flat(String uri) {
        return new Folder(uri, Extent.FILES, uri);
    }

    /**
     * Splits roots into folders for the executors, level by level, until there are enough of them. A root may be a
     * single file. What has too many subfolders for the driver, {@link #spread(ObjectStore)} splits on an executor.
     *
     * @throws IOException if a root does not exist or cannot be listed
     */
    public static List<Folder> split(ObjectStore store, List<String> roots, int wanted) throws IOException {
        return split(store, roots, wanted, MOST_SUBFOLDERS);
    }

    static List<Folder> split(ObjectStore store, List<String> roots, int wanted, int most) throws IOException {
        List<Folder> shares = new ArrayList<>();
        List<Folder> trees = new ArrayList<>();
        for (FileStatus status : withoutNested(store, roots)) {
            String uri = status.getPath().toString();
            if (status.isDirectory()) {
                trees.add(new Folder(uri, Extent.TREE, uri));
            } else {
                shares.add(flat(uri));
            }
        }
        boolean isRoots = true;
        do {
            List<Folder> below = new ArrayList<>();
            for (Folder folder : trees) {
                try {
                    below.addAll(folder.split(store, most - below.size(), shares));
                } catch (IOException e) {
                    if (isRoots) {
                        throw e;
                    }
                    shares.add(folder); // its own listing meets the same, and makes a row of it
                }
            }
            trees = below;
            isRoots = false;
        } while (!trees.isEmpty() && trees.size() < wanted);
        shares.addAll(trees);
        return shares;
    }

    /**
     * The subfolders, which may be split further; none where they are too many.
     *
     * @param shares to which is added what need not be: the files, or the folder as a whole
     */
    private List<Folder> split(ObjectStore store, int most, List<Folder> shares) throws IOException {
        List<Folder> subfolders = new ArrayList<>();
        RemoteIterator<Folder> each = subfolders(store);
        while (each.hasNext()) {
            if (subfolders.size() == most) {
                shares.add(with(Extent.WIDE));
                return List.of();
            }
            subfolders.add(each.next());
        }
        shares.add(with(Extent.FILES));
        return subfolders;
    }

    private Folder with(Extent other) {
        return new Folder(uri, other, root);
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

    private RemoteIterator<Folder> subfolders(ObjectStore store) throws IOException {
        Path path = new Path(uri);
        FileSystem fileSystem = store.fileSystem(path);
        RemoteIterator<FileStatus> folders = RemoteIterators.filteringRemoteIterator(
                fileSystem.listStatusIterator(path),
                entry -> entry.isDirectory() && !isListedElsewhere(fileSystem, entry.getPath(), root));
        return RemoteIterators.mappingRemoteIterator(
                folders, folder -> new Folder(folder.getPath().toString(), Extent.TREE, root));
    }

    /** Whether it has more subfolders than the driver should hold. */
    public boolean isWide() {
        return extent == Extent.WIDE;
    }

    /** The shares of a wide folder, as they are listed; any other is its own only one. */
    public Iterator<Folder> spread(ObjectStore store) throws IOException {
        if (!isWide()) {
            return List.of(this).iterator();
        }
        RemoteIterator<Folder> subfolders = subfolders(store);
        return new Iterator<>() {
            private Folder files = with(Extent.FILES);

            @Override
            public boolean hasNext() {
                return files != null || unchecked(subfolders::hasNext);
            }

            @Override
            public Folder next() {
                Folder next = files == null ? unchecked(subfolders::next) : files;
                files = null;
                return next;
            }
        };
    }

    /** Lists the objects, a page at a time. */
    public Iterator<StoredObject> objects(ObjectStore store) throws IOException {
        Path path = new Path(uri);
        FileSystem fileSystem = store.fileSystem(path);
        if (extent == Extent.FILES || !FLAT_STORE.equals(path.toUri().getScheme())) {
            return new FolderWalk(fileSystem, path, extent != Extent.FILES, root);
        }
        RemoteIterator<? extends FileStatus> statuses = fileSystem.listFiles(path, true);
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return unchecked(statuses::hasNext);
            }

            @Override
            public StoredObject next() {
                return unchecked(() -> ObjectStore.object(statuses.next()));
            }
        };
    }

    private interface Listed<T> {
        T get() throws IOException;
    }

    /** A listing that breaks off would lose objects: that is no row, but the end of the job. */
    private static <T> T unchecked(Listed<T> listed) {
        try {
            return listed.get();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * A local link to a folder of the same root, which is listed where it lies, or to one that leads here: links may go
     * in circles.
     */
    static boolean isListedElsewhere(FileSystem fileSystem, Path folder, String root) throws IOException {
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
}

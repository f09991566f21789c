package io.doraxis.store;

import java.io.Closeable;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import org.apache.hadoop.fs.CommonPathCapabilities;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileContext;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Options;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;

/**
 * A file that appears under its name as a whole, in place of an earlier one, or not at all. An object store shows an object
 * only when all of it is there, so it is written in its place; elsewhere it is renamed to it.
 */
public final class OutputFile implements Closeable {
    private static final String TEMPORARY_SUFFIX = ".tmp";

    /** A name may be as long as the file system lets it, and that of the temporary file must not be longer. */
    private static final int KEPT_OF_NAME = 60;

    /** Letters of a temporary file's name that tell it from others of the same file. */
    private static final int OWN_LETTERS = 8;

    private final FileSystem fileSystem;
    private final Path path;
    private final Path temporary;
    private final OutputStream stream;
    private final DigestOutputStream out;
    private long bytes;
    private boolean published;

    private OutputFile(FileSystem fileSystem, Path path, Path temporary, MessageDigest digest) throws IOException {
        this.fileSystem = fileSystem;
        this.path = path;
        this.temporary = temporary;
        this.stream = created();
        this.out = new DigestOutputStream(new Told(stream), digest);
    }

    /** What is written, with errors that name the place: of a full disk a local file system says no more than that. */
    private final class Told extends FilterOutputStream {
        Told(OutputStream out) {
            super(out);
        }

        private interface Writing {
            void run() throws IOException;
        }

        @Override
        public void write(byte[] data, int from, int count) throws IOException {
            told(() -> out.write(data, from, count));
        }

        @Override
        public void close() throws IOException {
            told(out::close);
        }

        private void told(Writing writing) throws IOException {
            try {
                writing.run();
            } catch (IOException e) {
                throw failed(e);
            } catch (FSError e) { // Hadoop's, of a local disk: no reason to end a process
                throw failed(e.getCause());
            }
        }
    }

    private IOException failed(Throwable cause) {
        return new IOException("cannot write " + path + ": " + reason(cause), cause);
    }

    /** The message of some of Java's errors is a file's name and nothing else: their kind is the reason then. */
    private static String reason(Throwable cause) {
        boolean isOnlyName = cause instanceof FileSystemException file && file.getReason() == null;
        return (isOnlyName ? cause.getClass().getSimpleName() + ": " : "") + cause.getMessage();
    }

    /** @throws IOException if nothing can be written there */
    public static OutputFile create(ObjectStore store, String uri) throws IOException {
        Path given = ObjectStore.path(uri);
        FileSystem fileSystem = store.fileSystem(given);
        Path path = fileSystem.makeQualified(given);
        boolean whole = fileSystem.hasPathCapability(path, CommonPathCapabilities.ABORTABLE_STREAM);
        String name = temporaryPrefix(path.getName())
                + UUID.randomUUID().toString().substring(0, OWN_LETTERS)
                + TEMPORARY_SUFFIX;
        Path temporary =
                whole ? path : new Path(path.getParent(), new Path(null, null, name)); // a colon is no scheme's
        try {
            return new OutputFile(fileSystem, path, temporary, MessageDigest.getInstance("SHA-256"));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static java.nio.file.Path file(RawLocalFileSystem local, Path path) {
        return local.pathToFile(path).toPath();
    }

    private OutputStream created() throws IOException {
        if (fileSystem.getClass() != RawLocalFileSystem.class) { // one that extends it writes in its own way
            return fileSystem.create(temporary, temporary.equals(path));
        }
        try {
            return created(file((RawLocalFileSystem) fileSystem, temporary));
        } catch (FileSystemException e) {
            throw failed(e);
        }
    }

    /** Hadoop would start a process for every file and folder, to change their permissions to what they are. */
    private static OutputStream created(java.nio.file.Path file) throws IOException {
        if (!Files.isDirectory(file.getParent())) { // perhaps by a link, which the next call would refuse
            Files.createDirectories(file.getParent());
        }
        return Files.newOutputStream(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    }

    /** Of that file's temporary files, and of no other's: what is cut off of a long name stands as its hash. */
    private static String temporaryPrefix(String name) {
        boolean isLong = name.length() > KEPT_OF_NAME;
        return "." + (isLong ? name.substring(0, KEPT_OF_NAME) + "-" + Integer.toHexString(name.hashCode()) : name)
                + ".";
    }

    private static boolean isLeftover(String name, String prefix) {
        return name.length() == prefix.length() + OWN_LETTERS + TEMPORARY_SUFFIX.length()
                && name.startsWith(prefix)
                && name.endsWith(TEMPORARY_SUFFIX);
    }

    /** Removes what processes that were killed while they wrote that file have left of it. */
    public static void removeLeftovers(ObjectStore store, String uri) throws IOException {
        Path path = ObjectStore.path(uri);
        removeLeftovers(store, path.getParent().toString(), List.of(path.getName()));
    }

    /** Removes what processes that were killed while they wrote some files of a folder have left of them. */
    public static void removeLeftovers(ObjectStore store, String folder, List<String> files) throws IOException {
        Path path = ObjectStore.path(folder);
        List<String> prefixes = files.stream().map(OutputFile::temporaryPrefix).toList();
        for (String name : store.names(folder)) {
            if (prefixes.stream().anyMatch(prefix -> isLeftover(name, prefix))) {
                store.fileSystem(path).delete(new Path(path, new Path(null, null, name)), false);
            }
        }
    }

    public void write(byte[] data) throws IOException {
        write(data, data.length);
    }

    public void write(byte[] data, int count) throws IOException {
        write(data, 0, count);
    }

    private void write(byte[] data, int first, int count) throws IOException {
        for (int from = 0; from < count; from += ObjectStore.SLICE) { // as it is read, and for the same reason
            out.write(data, first + from, Math.min(ObjectStore.SLICE, count - from));
        }
        bytes += count;
    }

    /** What is written here is part of the file. */
    public OutputStream stream() {
        return new OutputStream() {
            @Override
            public void write(int value) throws IOException {
                OutputFile.this.write(new byte[] {(byte) value});
            }

            @Override
            public void write(byte[] data, int from, int count) throws IOException {
                OutputFile.this.write(data, from, count);
            }
        };
    }

    /** Gives the file its name. */
    public void publish() throws IOException {
        out.close();
        if (temporary.equals(path)) {
            published = true;
            return;
        }
        if (fileSystem instanceof RawLocalFileSystem local) {
            // Hadoop would delete the earlier file first, and takes a colon in a name for a scheme's
            try {
                Files.move(file(local, temporary), file(local, path), StandardCopyOption.ATOMIC_MOVE);
            } catch (FileSystemException e) {
                throw failed(e);
            }
        } else {
            FileContext.getFileContext(path.toUri(), fileSystem.getConf())
                    .rename(temporary, path, Options.Rename.OVERWRITE);
        }
        published = true;
    }

    public long bytes() {
        return bytes;
    }

    /** SHA-256 of what was written. */
    public String digest() {
        return HexFormat.of().formatHex(out.getMessageDigest().digest());
    }

    /** Removes what was not published. */
    @Override
    public void close() throws IOException {
        if (published) {
            return;
        }
        if (temporary.equals(path)) {
            ((FSDataOutputStream) stream).abort();
            return;
        }
        try {
            out.close();
        } finally {
            fileSystem.delete(temporary, false);
        }
    }
}

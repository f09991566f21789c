package io.doraxis.store;

import io.doraxis.audit.CheckpointAuditor.Values;
import io.doraxis.catalog.StoredObject;
import io.doraxis.tensorfile.Container;
import io.doraxis.tensorfile.RangeReader;
import io.doraxis.tensorfile.Reason;
import io.doraxis.tensorfile.SafetensorsReader;
import io.doraxis.tensorfile.StoreException;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorInfo;
import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.EtagSource;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileRange;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.FutureDataInputStreamBuilder;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Options.OpenFileOptions;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.s3a.S3AFileStatus;
import org.apache.hadoop.fs.s3a.S3AFileSystem;
import org.apache.hadoop.util.functional.FutureIO;

/** Objects of any Hadoop file system: ranged reads without a HEAD, as the listing told the length already. */
public final class ObjectStore {
    static final String LOCAL = "file:";

    /** What is read from a local file, or written to a file, at a time. */
    static final int SLICE = 64 << 10;

    private final Configuration configuration;
    private final Map<String, FileSystem> fileSystems;
    private final Retries retries = new Retries();

    public ObjectStore(Configuration configuration) {
        this(configuration, new ConcurrentHashMap<>());
    }

    private ObjectStore(Configuration configuration, Map<String, FileSystem> fileSystems) {
        this.configuration = configuration;
        this.fileSystems = fileSystems;
    }

    /** The same stores, with a count of its own of {@link #retries()}. */
    public ObjectStore counting() {
        return new ObjectStore(configuration, fileSystems);
    }

    /** How often something was tried to be read again. */
    public int retries() {
        return retries.count();
    }

    /** The file system of a path; a local one without Hadoop's checksum files, which nobody else writes. */
    public FileSystem fileSystem(Path path) throws IOException {
        String place = bucket(path);
        FileSystem known = fileSystems.get(place); // Hadoop's own cache asks for the user at every call
        if (known == null) {
            known = opened(path);
            fileSystems.put(place, known);
        }
        return known;
    }

    /** A bucket, or a host; also of a store that has none. */
    private static String bucket(Path path) {
        return path.toUri().getScheme() + "://" + path.toUri().getAuthority();
    }

    private FileSystem opened(Path path) throws IOException {
        try {
            FileSystem fileSystem = path.getFileSystem(configuration);
            fileSystem.makeQualified(path); // another machine's files, and other places that it has not
            return fileSystem instanceof LocalFileSystem local ? local.getRawFileSystem() : fileSystem;
        } catch (RuntimeException e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            throw new IOException("no file system for " + path + ": " + cause.getMessage(), e);
        }
    }

    /** One object as its listing would show it. */
    public StoredObject object(String uri) throws IOException {
        return object(status(uri));
    }

    /** The one spelling of a place that a user may spell in several ways, links followed; what is none stays as it is. */
    public String place(String uri) {
        try {
            Path path = path(uri);
            Path place = new Path(fileSystem(path).makeQualified(path).toUri().normalize());
            String text = place.toString();
            return text.startsWith(LOCAL) ? LOCAL + real(java.nio.file.Path.of(text.substring(LOCAL.length()))) : text;
        } catch (IOException | InvalidPathException e) {
            return uri;
        }
    }

    /**
     * Whether a file is one of some places, or lies directly in one of them.
     *
     * @param places as {@link #place} spells them
     */
    public boolean isAmong(Set<String> places, StoredObject file) {
        String own = place(file.uri());
        return places.contains(own) || places.contains(own.substring(0, own.lastIndexOf('/')));
    }

    private static java.nio.file.Path real(java.nio.file.Path path) throws IOException {
        if (Files.exists(path) || path.getParent() == null) {
            return path.toRealPath();
        }
        return real(path.getParent()).resolve(path.getFileName());
    }

    /**
     * A place that a user named.
     *
     * @throws IOException if that is none
     */
    static Path path(String uri) throws IOException {
        try {
            return new Path(uri);
        } catch (IllegalArgumentException e) {
            throw new IOException(
                    "neither a path nor a URI: " + uri + " (a local name with a colon needs ./ before it)", e);
        }
    }

    /**
     * What lies at a place that a user named.
     *
     * @throws FileNotFoundException if nothing does
     */
    public FileStatus status(String uri) throws IOException {
        Path path = path(uri);
        try {
            return fileSystem(path).getFileStatus(path);
        } catch (FileNotFoundException e) {
            throw new FileNotFoundException("no such file or folder: " + uri);
        }
    }

    /**
     * Whether a file lies at a place, and not a folder.
     *
     * @throws FileNotFoundException if nothing does
     */
    public boolean isFile(String uri) throws IOException {
        return status(uri).isFile();
    }

    /** Removes a file, if it is there. */
    public void delete(String uri) throws IOException {
        Path path = path(uri);
        fileSystem(path).delete(path, false);
    }

    /** Names of what lies in a folder; none where there is no such folder. */
    public List<String> names(String folder) throws IOException {
        Path path = path(folder);
        try {
            return Arrays.stream(fileSystem(path).listStatus(path))
                    .map(status -> status.getPath().getName())
                    .toList();
        } catch (FileNotFoundException e) {
            return List.of();
        }
    }

    static StoredObject object(FileStatus status) throws IOException {
        String uri = status.getPath().toString();
        return new StoredObject(uri, status.getLen(), etag(status, uri), status.getModificationTime());
    }

    private static String etag(FileStatus status, String uri) throws IOException {
        if (status instanceof EtagSource source) {
            return source.getEtag() == null ? null : source.getEtag().replace("\"", "");
        }
        return uri.startsWith(LOCAL) ? FolderWalk.blob(java.nio.file.Path.of(uri.substring(LOCAL.length()))) : null;
    }

    /**
     * Reads the first bytes of an object in one request. Of a local file, where a second read costs no round trip, only
     * as far as its header reaches.
     *
     * @param bytes how many at the most, and of a remote object exactly
     * @throws StoreException if the store refuses or fails
     */
    public byte[] head(StoredObject object, int bytes) throws StoreException {
        if (object.isUnlistable()) {
            throw unlistable(object);
        }
        if (bytes == 0) {
            return new byte[0];
        }
        try {
            return object.uri().startsWith(LOCAL) ? localHead(object, bytes) : exactHead(object, bytes);
        } catch (IOException e) {
            throw StoreFailure.of(object.uri(), e);
        }
    }

    /** Why a folder could not be listed or a file not looked up, which is asked for once more. */
    private StoreException unlistable(StoredObject object) {
        try {
            boolean isFolder = status(object.uri()).isDirectory();
            String what = object.fileName().isEmpty()
                    ? "not all of the folder was listed; a manifest has to name its files"
                    : isFolder ? "the folder could not be listed" : "its size is unknown";
            return new StoreException(Reason.STORE_FAILED, object.uri() + ": STORE_FAILED: " + what, null);
        } catch (IOException e) {
            return StoreFailure.of(object.uri(), e);
        }
    }

    /**
     * Reads the first bytes of a text in one request.
     *
     * @param bytes how many, no more than it has
     * @throws StoreException if the store refuses or fails
     */
    public byte[] text(StoredObject object, int bytes) throws StoreException {
        try {
            return exactHead(object, bytes);
        } catch (IOException e) {
            throw StoreFailure.of(object.uri(), e);
        }
    }

    private byte[] exactHead(StoredObject object, int bytes) throws IOException {
        return retried(object, () -> {
            byte[] head = new byte[bytes];
            try (FSDataInputStream in = open(object)) {
                in.readFully(0, head);
            }
            return head;
        });
    }

    /** A local disk that fails does not mend. */
    private <T> T retried(StoredObject object, Retries.Read<T> read) throws IOException {
        return object.uri().startsWith(LOCAL) ? read.get() : retries.of(budget(object), read);
    }

    private static RetryBudget budget(StoredObject object) {
        return RetryBudget.of(bucket(new Path(object.uri())));
    }

    private static byte[] localHead(StoredObject object, int bytes) throws IOException {
        try (FileChannel file = local(object)) {
            byte[] first = new byte[Math.min(bytes, Container.SIGNATURE_BYTES)];
            readFully(file, ByteBuffer.wrap(first));
            long header = bytes < object.size() ? Math.min(bytes, SafetensorsReader.headerEnd(first)) : bytes;
            byte[] head = Arrays.copyOf(first, (int) Math.max(first.length, header));
            readFully(file, ByteBuffer.wrap(head, first.length, head.length - first.length));
            return head;
        }
    }

    /** A local file, without the status of it that Hadoop's own stream asks for first. */
    private static FileChannel local(StoredObject object) throws IOException {
        return FileChannel.open(java.nio.file.Path.of(object.uri().substring(LOCAL.length())));
    }

    private static void readFully(FileChannel file, ByteBuffer into) throws IOException {
        while (into.hasRemaining()) {
            if (file.read(into) < 0) {
                throw new EOFException("the file ends at byte " + file.position());
            }
        }
    }

    /**
     * Reads the data of some of a file's tensors in one vectored read.
     *
     * @throws StoreException if the store refuses or fails
     */
    public TensorData tensors(StoredObject object, List<TensorInfo> tensors) throws StoreException {
        return values(object, tensors).data();
    }

    /** The same, with what it took: a request for each range. */
    Values values(StoredObject object, List<TensorInfo> tensors) throws StoreException {
        try {
            return retried(object, () -> valuesOnce(object, tensors));
        } catch (IOException e) {
            throw StoreFailure.of(object.uri(), e);
        }
    }

    private Values valuesOnce(StoredObject object, List<TensorInfo> tensors) throws IOException {
        Map<TensorInfo, ByteBuffer> data = new HashMap<>();
        long bytes = 0;
        List<FileRange> toRead = new ArrayList<>();
        try (FSDataInputStream in = open(object)) {
            List<TensorRanges.Range> ranges = // joined as the stream would join them, so that the requests can be told
                    TensorRanges.of(tensors, in.minSeekForVectorReads(), in.maxReadSizeForVectorReads());
            ranges.forEach(range -> toRead.add(range.toRead()));
            in.readVectored(toRead, ByteBuffer::allocate);
            for (int i = 0; i < toRead.size(); i++) {
                ByteBuffer read = FutureIO.awaitFuture(toRead.get(i).getData());
                bytes += toRead.get(i).getLength();
                TensorRanges.Range range = ranges.get(i);
                for (TensorInfo tensor : range.tensors()) {
                    data.put(tensor, read.slice((int) (tensor.begin() - range.begin()), (int) tensor.bytes()));
                }
            }
        }
        TensorData found = tensor -> Optional.ofNullable(data.get(tensor))
                .map(slice -> slice.duplicate().order(ByteOrder.LITTLE_ENDIAN));
        return new Values(found, toRead.size(), bytes);
    }

    /** Reads of an object at any place; each opening is one request, or more where the store fails. */
    public RangeReader reader(StoredObject object) {
        return new RangeReader() {
            @Override
            public String name() {
                return object.uri();
            }

            @Override
            public long length() {
                return object.size();
            }

            @Override
            public InputStream open(long from, long to) throws StoreException {
                if (!object.uri().startsWith(LOCAL)) {
                    RetriedStream.Opening opening = (begin, end) -> range(object, begin, end);
                    return new RetriedStream(name(), from, to, opening, retries, budget(object));
                }
                try {
                    return new Slices(Channels.newInputStream(local(object).position(from)));
                } catch (IOException e) {
                    throw StoreFailure.of(object.uri(), e);
                }
            }
        };
    }

    private InputStream range(StoredObject object, long from, long to) throws IOException {
        FSDataInputStream in = open(object);
        setReadahead(in, to - from);
        in.seek(from);
        return in;
    }

    /**
     * A local file, of which no more than a slice is asked for at a time: Java reads it to memory that it allocates, and of
     * larger pieces frees.
     */
    private static final class Slices extends FilterInputStream {
        Slices(InputStream in) {
            super(in);
        }

        @Override
        public int read(byte[] into, int from, int count) throws IOException {
            return super.read(into, from, Math.min(SLICE, count));
        }
    }

    /** A random read fetches no more than is asked for, so ask for all that will be read. */
    private static void setReadahead(FSDataInputStream in, long bytes) throws IOException {
        try {
            in.setReadahead(bytes);
        } catch (UnsupportedOperationException e) {
            return; // a file system without readahead
        }
    }

    private FSDataInputStream open(StoredObject object) throws IOException {
        Path path = new Path(object.uri());
        FileSystem fileSystem = fileSystem(path);
        if (object.uri().startsWith(LOCAL)) {
            return fileSystem.open(path); // the options below are for stores, and cost more than a local read
        }
        FutureDataInputStreamBuilder open = ReadFileSystems.of(fileSystem).openFile(path);
        if (fileSystem instanceof S3AFileSystem && object.etag() != null) {
            open.withFileStatus(listed(object, path)); // what has another etag now is not read
        }
        return FutureIO.awaitFuture(open.opt(
                        OpenFileOptions.FS_OPTION_OPENFILE_READ_POLICY,
                        OpenFileOptions.FS_OPTION_OPENFILE_READ_POLICY_RANDOM)
                .optLong(OpenFileOptions.FS_OPTION_OPENFILE_LENGTH, object.size())
                .build());
    }

    private static FileStatus listed(StoredObject object, Path path) {
        String etag = '"' + object.etag() + '"'; // as HTTP has it
        return new S3AFileStatus(object.size(), object.modified(), path, 0, null, etag, null);
    }
}

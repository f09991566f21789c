package io.doraxis.store;

import io.doraxis.catalog.StoredObject;
import io.doraxis.tensorfile.RangeReader;
import io.doraxis.tensorfile.Reason;
import io.doraxis.tensorfile.SafetensorsReader;
import io.doraxis.tensorfile.StoreException;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorInfo;
import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
import org.apache.hadoop.fs.s3a.RemoteFileChangedException;
import org.apache.hadoop.security.AccessControlException;
import org.apache.hadoop.util.functional.FutureIO;

/** Objects of any Hadoop file system: ranged reads without a HEAD, as the listing told the length already. */
public final class ObjectStore {
    static final String LOCAL = "file:";

    /** Enough to recognise any container. */
    private static final int SIGNATURE_BYTES = 512;

    private final Configuration configuration;
    private final Map<String, FileSystem> fileSystems = new ConcurrentHashMap<>();

    public ObjectStore(Configuration configuration) {
        this.configuration = configuration;
    }

    /** The file system of a path; a local one without Hadoop's checksum files, which nobody else writes. */
    public FileSystem fileSystem(Path path) throws IOException {
        String place = path.toUri().getScheme() + "://" + path.toUri().getAuthority();
        FileSystem known = fileSystems.get(place); // Hadoop's own cache asks for the user at every call
        if (known == null) {
            FileSystem fileSystem = path.getFileSystem(configuration);
            known = fileSystem instanceof LocalFileSystem local ? local.getRawFileSystem() : fileSystem;
            fileSystems.put(place, known);
        }
        return known;
    }

    /** One object as its listing would show it. */
    public StoredObject object(String uri) throws IOException {
        return object(status(uri));
    }

    /** A URI as listings print it. */
    public String qualified(String uri) throws IOException {
        Path path = new Path(uri);
        return fileSystem(path).makeQualified(path).toString();
    }

    /**
     * What lies at a place that a user named.
     *
     * @throws FileNotFoundException if nothing does
     */
    public FileStatus status(String uri) throws IOException {
        Path path;
        try {
            path = new Path(uri);
        } catch (IllegalArgumentException e) {
            throw new IOException(
                    "neither a path nor a URI: " + uri + " (a local name with a colon needs ./ before it)", e);
        }
        try {
            return fileSystem(path).getFileStatus(path);
        } catch (FileNotFoundException e) {
            throw new FileNotFoundException("no such file or folder: " + uri);
        }
    }

    static StoredObject object(FileStatus status) {
        String etag = status instanceof EtagSource source ? unquoted(source.getEtag()) : null;
        return new StoredObject(status.getPath().toString(), status.getLen(), etag, status.getModificationTime());
    }

    private static String unquoted(String etag) {
        return etag == null ? null : etag.replace("\"", "");
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
            throw new StoreException(
                    Reason.STORE_FAILED, object.uri() + ": STORE_FAILED: the folder could not be listed", null);
        }
        if (bytes == 0) {
            return new byte[0];
        }
        try {
            return object.uri().startsWith(LOCAL) ? localHead(object, bytes) : remoteHead(object, bytes);
        } catch (IOException e) {
            throw failure(object.uri(), e);
        }
    }

    private byte[] remoteHead(StoredObject object, int bytes) throws IOException {
        byte[] head = new byte[bytes];
        try (FSDataInputStream in = open(object)) {
            in.readFully(0, head);
        }
        return head;
    }

    private static byte[] localHead(StoredObject object, int bytes) throws IOException {
        try (FileChannel file =
                FileChannel.open(java.nio.file.Path.of(object.uri().substring(LOCAL.length())))) {
            byte[] first = new byte[Math.min(bytes, SIGNATURE_BYTES)];
            readFully(file, ByteBuffer.wrap(first));
            long header = bytes < object.size() ? Math.min(bytes, SafetensorsReader.headerEnd(first)) : bytes;
            byte[] head = Arrays.copyOf(first, (int) Math.max(first.length, header));
            readFully(file, ByteBuffer.wrap(head, first.length, head.length - first.length));
            return head;
        }
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
        Map<TensorInfo, FileRange> ranges = new HashMap<>();
        for (TensorInfo tensor : tensors) {
            if (tensor.strides() == null && tensor.bytes() > 0 && tensor.bytes() <= Integer.MAX_VALUE) {
                ranges.put(tensor, FileRange.createFileRange(tensor.begin(), (int) tensor.bytes()));
            }
        }
        Map<TensorInfo, ByteBuffer> data = new HashMap<>();
        try (FSDataInputStream in = open(object)) {
            in.readVectored(new ArrayList<>(ranges.values()), ByteBuffer::allocate);
            for (Map.Entry<TensorInfo, FileRange> entry : ranges.entrySet()) {
                data.put(entry.getKey(), FutureIO.awaitFuture(entry.getValue().getData()));
            }
        } catch (IOException e) {
            throw failure(object.uri(), e);
        }
        return tensor -> Optional.ofNullable(data.get(tensor))
                .map(bytes -> bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN));
    }

    /** Reads of an object at any place; each opening is one request. */
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
                try {
                    FSDataInputStream in = ObjectStore.this.open(object);
                    setReadahead(in, to - from);
                    in.seek(from);
                    return in;
                } catch (IOException e) {
                    throw failure(object.uri(), e);
                }
            }
        };
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
        FutureDataInputStreamBuilder open = fileSystem.openFile(path);
        return FutureIO.awaitFuture(open.opt(
                        OpenFileOptions.FS_OPTION_OPENFILE_READ_POLICY,
                        OpenFileOptions.FS_OPTION_OPENFILE_READ_POLICY_RANDOM)
                .optLong(OpenFileOptions.FS_OPTION_OPENFILE_LENGTH, object.size())
                .build());
    }

    static StoreException failure(String uri, IOException e) {
        Reason reason = e instanceof FileNotFoundException || e instanceof NoSuchFileException
                ? Reason.STORE_NOT_FOUND
                : e instanceof AccessDeniedException || e instanceof AccessControlException
                        ? Reason.STORE_FORBIDDEN
                        : e instanceof RemoteFileChangedException
                                ? Reason.STORE_CHANGED
                                : e instanceof EOFException ? Reason.SHORT_BODY : Reason.STORE_FAILED;
        String said = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        return new StoreException(
                reason,
                "%s: %s: %s".formatted(uri, reason, said.lines().findFirst().orElse("")),
                e);
    }
}

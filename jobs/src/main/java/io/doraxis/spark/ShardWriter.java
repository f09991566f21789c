package io.doraxis.spark;

import io.doraxis.merge.MergePlan;
import io.doraxis.merge.MergeRefusedException;
import io.doraxis.merge.MergeRefusedException.Code;
import io.doraxis.merge.OutputShard;
import io.doraxis.merge.OutputTensor;
import io.doraxis.store.ObjectStore;
import io.doraxis.store.OutputFile;
import io.doraxis.tensorfile.SafetensorsWriter;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorInfo;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntFunction;
import java.util.function.LongConsumer;

/**
 * Writes one file of a merged model: the base is read from front to back, the next piece while one is computed and the
 * last one written. What the adapters do not touch is copied byte for byte.
 */
final class ShardWriter {
    /** What is read, computed and written at a time, of tensors that can be computed by their rows. */
    private static final int PIECE_BYTES = 8 << 20;

    private final ObjectStore store;
    private final PreparedMerge merge;
    private final Lanes lanes;
    private final List<AdapterValues> adapters;
    private final ExecutorService reader = Executors.newSingleThreadExecutor(DaemonThreads.named("read"));
    private final ExecutorService writer = Executors.newSingleThreadExecutor(DaemonThreads.named("write"));
    private final AtomicLong bytesRead = new AtomicLong();
    private final LongConsumer baseRead;

    /** For a piece that is read, one that is computed and one that is written. */
    private final byte[][] rooms = new byte[3][0];

    /** @param baseRead is told how many bytes of the base have been read, each time that some have */
    ShardWriter(ObjectStore store, PreparedMerge merge, Lanes lanes, LongConsumer baseRead) {
        this.baseRead = baseRead;
        this.store = store;
        this.merge = merge;
        this.lanes = lanes;
        this.adapters = merge.adapters().stream()
                .map(file -> new AdapterValues(store, file))
                .toList();
    }

    /**
     * Writes a shard and publishes it, unless it is there already.
     *
     * @throws MergeRefusedException if a number is none, or memory is too small
     * @throws IOException if the store refuses or fails
     */
    ShardResult writeUnlessThere(OutputShard shard) throws MergeRefusedException, IOException {
        return merge.output().isThere(store, shard) ? ShardResult.upToDate(shard) : write(shard);
    }

    /** The same, there or not: after another process that was writing it was lost. */
    ShardResult writeAgain(OutputShard shard) throws MergeRefusedException, IOException {
        OutputFile.removeLeftovers(store, merge.output().place(shard));
        return write(shard);
    }

    private ShardResult write(OutputShard shard) throws MergeRefusedException, IOException {
        long started = System.nanoTime();
        ShardResult.Tally tally = new ShardResult.Tally();
        OutputFile output = OutputFile.create(store, merge.output().place(shard));
        try (BaseStream base = new BaseStream(shard)) {
            output.write(SafetensorsWriter.header(written(shard), merge.metadata()));
            write(shard, base, output, tally);
            double computed = since(started);
            output.publish();
            return tally.result(
                    shard,
                    bytesRead.get()
                            + adapters.stream()
                                    .mapToLong(AdapterValues::bytesRead)
                                    .sum(),
                    output.bytes(),
                    output.digest(),
                    computed,
                    since(started) - computed);
        } catch (IllegalArgumentException e) {
            throw new MergeRefusedException(Code.SHAPE_MISMATCH, e.getMessage());
        } finally {
            reader.shutdownNow();
            writer.shutdownNow();
            output.close();
        }
    }

    private static double since(long started) {
        return (System.nanoTime() - started) / 1e9;
    }

    private static List<TensorInfo> written(OutputShard shard) {
        return shard.tensors().stream()
                .map(tensor -> new TensorInfo(
                        tensor.source().name(), tensor.dtype(), tensor.source().shape(), 0, tensor.bytes()))
                .toList();
    }

    private static void readFully(InputStream in, byte[] into, int length) throws IOException {
        if (in.readNBytes(into, 0, length) < length) {
            throw new EOFException("the file ends early");
        }
    }

    /** The tensors of every adapter that one of the base's is merged with. */
    private IntFunction<TensorData> factors(OutputTensor tensor) throws IOException {
        List<TensorData> factors = new ArrayList<>();
        for (int i = 0; i < adapters.size(); i++) {
            factors.add(adapters.get(i).of(merge.plan().factors(tensor.source().name(), i)));
        }
        return factors::get;
    }

    /**
     * Bytes of a tensor that are handled at a time.
     *
     * @param firstRow of the tensor, 0 where rows do not count
     * @param from first byte, counted from the start of the tensor
     * @param whole whether the tensor cannot be handled by parts
     */
    private record Piece(OutputTensor tensor, int firstRow, long from, int length, boolean last, boolean whole) {}

    private void write(OutputShard shard, BaseStream base, OutputFile output, ShardResult.Tally tally)
            throws MergeRefusedException, IOException {
        Future<?> writing = null;
        List<Piece> pieces = new ArrayList<>();
        for (OutputTensor tensor : shard.tensors()) {
            pieces.addAll(pieces(tensor));
            if (tensor.source().bytes() == 0) {
                tally.add(tensor, false, null);
            }
        }
        TensorMerge computing = null;
        Future<byte[]> ahead = null;
        for (int i = 0; i < pieces.size(); i++) {
            Piece piece = pieces.get(i);
            boolean touched = merge.plan().touches(piece.tensor.source().name());
            boolean copied =
                    !touched && piece.tensor.dtype() == piece.tensor.source().dtype();
            long memory = isOnePass(piece.tensor) || copied ? 0 : TensorMerge.memory(merge.plan(), piece.tensor);
            Memory.take(memory);
            try {
                byte[] stored = ahead == null ? base.read(piece, room(i, piece)) : waited(ahead);
                ahead = i + 1 < pieces.size() && pieces.get(i + 1).length <= PIECE_BYTES
                        ? reader.submit(reading(base, pieces.get(i + 1), room(i + 1, pieces.get(i + 1))))
                        : null;
                byte[] made;
                int length = piece.length;
                if (piece.tensor.source().strides() != null) {
                    stored = Views.rowMajor(piece.tensor.source(), ByteBuffer.wrap(stored))
                            .array();
                    length = stored.length;
                }
                if (copied) {
                    made = stored;
                } else {
                    computing = computing == null
                            ? new TensorMerge(merge.plan(), piece.tensor, factors(piece.tensor))
                            : computing;
                    made = isOnePass(piece.tensor)
                            ? computing.rows(stored, length, piece.firstRow, lanes)
                            : computing.whole(stored, lanes);
                    length = (int) ((long) length
                            * piece.tensor.dtype().bits()
                            / piece.tensor.source().dtype().bits());
                }
                if (piece.last) {
                    tally.add(piece.tensor, touched, computing);
                    computing = null;
                }
                if (writing != null) {
                    waited(writing);
                }
                int count = length;
                writing = writer.submit(() -> {
                    output.write(made, count);
                    return null;
                });
            } finally {
                Memory.giveBack(memory);
            }
        }
        if (writing != null) {
            waited(writing);
        }
    }

    private boolean isOnePass(OutputTensor tensor) {
        return TensorMerge.isOnePass(merge.plan(), tensor);
    }

    private List<Piece> pieces(OutputTensor tensor) {
        TensorInfo source = tensor.source();
        MergePlan plan = merge.plan();
        if (source.bytes() == 0) {
            return List.of();
        }
        boolean copied = !plan.touches(source.name()) && tensor.dtype() == source.dtype();
        if (source.strides() != null || !copied && !isOnePass(tensor)) {
            return List.of(new Piece(tensor, 0, 0, Math.toIntExact(source.bytes()), true, true));
        }
        long rows = Math.max(1, source.shape().dimOrOne(0));
        long rowBytes = source.bytes() / rows;
        int block = TensorMerge.blockRows(source.shape());
        long step = copied ? PIECE_BYTES : rowBytes * block * Math.max(1, PIECE_BYTES / Math.max(1, rowBytes * block));
        List<Piece> pieces = new ArrayList<>();
        for (long from = 0; from < source.bytes(); from += step) {
            int length = Math.toIntExact(Math.min(step, source.bytes() - from));
            int firstRow = copied ? 0 : Math.toIntExact(from / rowBytes);
            pieces.add(new Piece(tensor, firstRow, from, length, from + length == source.bytes(), false));
        }
        return pieces;
    }

    private static Callable<byte[]> reading(BaseStream base, Piece piece, byte[] into) {
        return () -> base.read(piece, into);
    }

    /** Of a piece: the room of the third before it, which was written before the last was given to be written. */
    private byte[] room(int number, Piece piece) {
        if (piece.whole || piece.length > PIECE_BYTES) {
            return new byte[piece.length];
        }
        int place = number % rooms.length;
        if (rooms[place].length < piece.length) {
            rooms[place] = new byte[piece.length];
        }
        return rooms[place];
    }

    private static <T> T waited(Future<T> future) throws IOException {
        try {
            return future.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("the merge was interrupted", e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException io) {
                throw io;
            }
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw new IllegalStateException(e.getCause());
        }
    }

    /** The base's files, read forwards; going back opens one again. */
    private final class BaseStream implements Closeable {
        /** A gap up to this is read over. */
        private static final int SKIPPED = 1 << 20;

        private final Map<Integer, Long> ends = new HashMap<>();
        private InputStream in;
        private int file = -1;
        private long at;

        BaseStream(OutputShard shard) {
            for (OutputTensor tensor : shard.tensors()) {
                ends.merge(tensor.file(), tensor.source().end(), Math::max);
            }
        }

        byte[] read(Piece piece, byte[] into) throws IOException {
            long from = piece.tensor.source().begin() + piece.from;
            if (piece.tensor.file() != file || from < at || from > at + SKIPPED) {
                close();
                file = piece.tensor.file();
                in = store.reader(merge.base().get(file)).open(from, ends.get(file));
                at = from;
            }
            in.skipNBytes(from - at);
            readFully(in, into, piece.length);
            at = from + piece.length;
            bytesRead.addAndGet(piece.length);
            baseRead.accept(piece.length);
            return into;
        }

        @Override
        public void close() throws IOException {
            if (in != null) {
                in.close();
            }
        }
    }
}

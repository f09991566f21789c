package io.doraxis.tensorfile;

import static io.doraxis.tensorfile.Reason.BODY_TRUNCATED;
import static io.doraxis.tensorfile.Reason.INVALID_PICKLE;
import static io.doraxis.tensorfile.Reason.MISSING_STORAGE;
import static io.doraxis.tensorfile.Reason.OVER_LIMIT;
import static io.doraxis.tensorfile.Reason.SIZE_MISMATCH;
import static io.doraxis.tensorfile.Reason.TENSOR_BOUNDS;
import static io.doraxis.tensorfile.Reason.UNKNOWN_DTYPE;
import static io.doraxis.tensorfile.Reason.UNSUPPORTED_CONTAINER;

import io.doraxis.tensorfile.PickleInput.EndOfInput;
import io.doraxis.tensorfile.PickleValue.Global;
import io.doraxis.tensorfile.PickleValue.Persistent;
import io.doraxis.tensorfile.PickleValue.Sequence;
import io.doraxis.tensorfile.PickleValue.Tuple;
import io.doraxis.tensorfile.TarArchive.Member;
import io.doraxis.tensorfile.TorchTensor.TorchStorage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Torch's files of before 0.1.10, as {@code legacy_load} in {@code torch/serialization.py} of 2.13 reads them: a tar
 * archive of four members.
 *
 * <pre>
 *   sys_info   a pickle about the machine
 *   pickle     the object, which names its tensors by numbers
 *   tensors    a pickle with their count; then of each a pickle (number, number of its storage, type) and its rank in
 *              four bytes, four that mean nothing, sizes, strides and offset in eight bytes each
 *   storages   a pickle with their count; then of each a pickle (number, location, type), its number of elements in
 *              eight bytes, and the elements; then a pickle with a list of views: (number, number of its storage,
 *              offset, number of elements)
 * </pre>
 *
 * The numbers outside of pickles were written in the machine's byte order, the elements always as little-endian ones.
 */
final class TorchTar {
    /** The members by one of which an archive begins. */
    static final Set<String> MEMBERS = Set.of("sys_info", "pickle", "tensors", "storages");

    private static final int MAX_PICKLE = 64 << 20;
    private static final int MAX_DIMS = 64;

    private final FileWindow window;
    private final PickleScan scan;
    private boolean bigEndian;
    private final Map<Long, TorchStorage> storages = new HashMap<>();
    private final Map<String, Long> places = new HashMap<>();

    /** Null for a tensor without elements, which has no storage. */
    private final Map<String, TorchTensor> tensors = new HashMap<>();

    private TorchTar(FileWindow window, PickleScan scan) {
        this.window = window;
        this.scan = scan;
    }

    static TensorIndex read(FileBytes file, PickleScan scan) throws MalformedTensorFileException, IOException {
        FileWindow window = new FileWindow(file);
        TarArchive archive = TarArchive.read(window, file.length());
        TorchTar tar = new TorchTar(window, scan);
        Member machine = archive.members().get("sys_info");
        Member object = member(archive, "pickle", file.length());
        Member shapes = member(archive, "tensors", file.length());
        Member elements = member(archive, "storages", file.length());
        scan.begin();
        tar.bigEndian = machine != null && TorchLegacy.isBigEndian(tar.pickle(machine, new ArrayList<>()));
        List<Persistent> asked = new ArrayList<>();
        Object root = tar.pickle(object, asked); // first, as its names are worth telling of a broken archive too
        tar.readStorages(elements);
        tar.readTensors(shapes);
        scan.end();
        tar.checkKnown(asked, object.begin());
        TorchPickle contents = TorchPickle.of(root, object.begin(), tar.tensors);
        return tar.bigEndian
                ? TorchReader.index(contents, storage -> TensorInfo.NOWHERE, List.of(TorchReader.otherByteOrder("big")))
                : TorchReader.index(contents, storage -> tar.places.get(storage.key()), List.of());
    }

    private static Member member(TarArchive archive, String name, long fileLength) throws MalformedTensorFileException {
        Member member = archive.members().get(name);
        if (member == null) {
            throw new MalformedTensorFileException(
                    archive.isEnded() ? UNSUPPORTED_CONTAINER : BODY_TRUNCATED,
                    archive.isEnded() ? 0 : fileLength,
                    "a tar archive without " + name,
                    "torch's sys_info, pickle, tensors and storages");
        }
        return member;
    }

    /** Reads a member that is one pickle. */
    private Object pickle(Member member, List<Persistent> asked) throws MalformedTensorFileException, IOException {
        PickleInput in = whole(member.begin(), member.end());
        PickleMachine machine = new PickleMachine(in, scan);
        Object value = read(machine, member.end());
        if (!in.atEnd()) {
            TorchReader.scan(in, scan);
        }
        asked.addAll(machine.persistents());
        return value;
    }

    private PickleInput whole(long begin, long end) throws MalformedTensorFileException, IOException {
        if (end - begin > MAX_PICKLE) {
            throw new MalformedTensorFileException(
                    OVER_LIMIT, begin, "a pickle of " + (end - begin) + " bytes", "at most " + MAX_PICKLE);
        }
        byte[] bytes = window.bytes(begin, end);
        return new PickleInput(bytes, 0, bytes.length, begin);
    }

    private static Object read(PickleMachine machine, long end) throws MalformedTensorFileException {
        try {
            return machine.read();
        } catch (EndOfInput e) {
            throw TorchReader.truncatedPickle(end);
        }
    }

    private Object read(PickleInput in, long end) throws MalformedTensorFileException {
        return read(new PickleMachine(in, scan), end);
    }

    private void readStorages(Member member) throws MalformedTensorFileException, IOException {
        PickleInput in = window.step(member.begin(), member.end());
        long count = count(in, member);
        long at = in.position();
        for (long i = 0; i < count; i++) {
            at = readStorage(at, member.end());
        }
        in = whole(at, member.end());
        if (!(read(in, member.end()) instanceof Sequence views)) {
            throw invalid(at, "no list of views behind the storages");
        }
        for (Object view : views.items) {
            addView(items(view, 4, at), at);
        }
    }

    /** Returns where its elements end. */
    private long readStorage(long at, long end) throws MalformedTensorFileException, IOException {
        PickleInput in = window.step(at, end);
        List<Object> items = items(read(in, end), 3, at);
        if (!(items.get(0) instanceof Long number) || !(items.get(2) instanceof Global type)) {
            throw invalid(at, "a storage without a number or type");
        }
        long numel = number(in, end);
        int width = TorchDtypes.widthOfStorage(type);
        if (width == 0) {
            throw new MalformedTensorFileException(
                    UNKNOWN_DTYPE, at, "a storage of " + Printable.name(type.toString()), "torch's types");
        }
        long begin = in.position();
        if (numel < 0 || numel > (end - begin) / width) {
            throw new MalformedTensorFileException(
                    SIZE_MISMATCH,
                    begin - Long.BYTES,
                    numel + " elements of " + width + " bytes",
                    "what the " + (end - begin) + " bytes behind them hold");
        }
        TorchStorage storage = new TorchStorage(number.toString(), TorchDtypes.ofStorage(type), width, numel);
        add(number, storage, begin, at);
        return begin + storage.bytes();
    }

    /** A part of another storage, which tensors take for a storage of their own. */
    private void addView(List<Object> items, long at) throws MalformedTensorFileException {
        for (Object item : items) {
            if (!(item instanceof Long)) {
                throw invalid(at, "a view without numbers");
            }
        }
        TorchStorage root = storage(items.get(1), at);
        long offset = (Long) items.get(2);
        long numel = (Long) items.get(3);
        if (offset < 0 || numel < 0 || offset > root.numel() || numel > root.numel() - offset) {
            throw new MalformedTensorFileException(
                    TENSOR_BOUNDS,
                    at,
                    numel + " elements from element " + offset,
                    "them within the " + root.numel() + " of storage " + root.key());
        }
        Long number = (Long) items.get(0);
        TorchStorage view = new TorchStorage(number.toString(), root.dtype(), root.width(), numel);
        add(number, view, places.get(root.key()) + offset * root.width(), at);
    }

    private void add(Long number, TorchStorage storage, long begin, long at) throws MalformedTensorFileException {
        places.put(storage.key(), begin);
        if (storages.put(number, storage) != null) {
            throw invalid(at, "storage " + number + " for the second time");
        }
    }

    private TorchStorage storage(Object number, long at) throws MalformedTensorFileException {
        TorchStorage storage = number instanceof Long ? storages.get(number) : null;
        if (storage == null) {
            throw new MalformedTensorFileException(
                    MISSING_STORAGE, at, "no storage " + number, "it among the archive's storages");
        }
        return storage;
    }

    private void readTensors(Member member) throws MalformedTensorFileException, IOException {
        PickleInput in = whole(member.begin(), member.end());
        long count = count(in, member);
        for (long i = 0; i < count; i++) {
            long at = in.position();
            List<Object> items = items(read(in, member.end()), 3, at);
            if (!(items.get(0) instanceof Long number)) {
                throw invalid(at, "a tensor without a number");
            }
            TorchTensor tensor = tensor(in, items.get(1), member.end());
            if (tensors.containsKey(number.toString())) {
                throw invalid(at, "tensor " + number + " for the second time");
            }
            tensors.put(number.toString(), tensor);
        }
    }

    private TorchTensor tensor(PickleInput in, Object storage, long end) throws MalformedTensorFileException {
        long at = in.position();
        int rank = rank(in, end);
        if (rank < 0 || rank > MAX_DIMS) {
            throw new MalformedTensorFileException(
                    OVER_LIMIT, at, "a tensor of " + rank + " dimensions", "at most " + MAX_DIMS);
        }
        Shape shape = shape(in, rank, end);
        Shape strides = shape(in, rank, end);
        long offset = number(in, end);
        if (storage == null) {
            return null;
        }
        TorchStorage elements = storage(storage, at);
        boolean empty = rank == 0 && elements.numel() == 0; // torch had no scalars then
        return empty ? null : new TorchTensor(elements, elements.dtype(), offset, shape, strides);
    }

    private Shape shape(PickleInput in, int rank, long end) throws MalformedTensorFileException {
        long[] dims = new long[rank];
        for (int i = 0; i < rank; i++) {
            long at = in.position();
            dims[i] = number(in, end);
            if (dims[i] < 0) {
                throw new MalformedTensorFileException(
                        TENSOR_BOUNDS, at, "a size or stride of " + dims[i], "none below zero");
            }
        }
        return Shape.of(dims);
    }

    /** In the first four of eight bytes, whatever the order: the writer's number was of four. */
    private int rank(PickleInput in, long end) throws MalformedTensorFileException {
        try {
            int rank = (int) in.number(Integer.BYTES);
            in.skip(Integer.BYTES);
            return bigEndian ? Integer.reverseBytes(rank) : rank;
        } catch (EndOfInput e) {
            throw TorchReader.truncatedPickle(end);
        }
    }

    private long number(PickleInput in, long end) throws MalformedTensorFileException {
        try {
            long number = in.number(Long.BYTES);
            return bigEndian ? Long.reverseBytes(number) : number;
        } catch (EndOfInput e) {
            throw TorchReader.truncatedPickle(end);
        }
    }

    private long count(PickleInput in, Member member) throws MalformedTensorFileException {
        if (read(in, member.end()) instanceof Long count && count >= 0) {
            return count;
        }
        throw invalid(member.begin(), "no count");
    }

    /** Each number that the object asks for is a tensor's or a storage's; what is asked for otherwise is a class. */
    private void checkKnown(List<Persistent> asked, long at) throws MalformedTensorFileException {
        Set<String> known = places.keySet();
        for (Persistent persistent : asked) {
            if (persistent.id() instanceof String number && !tensors.containsKey(number) && !known.contains(number)) {
                throw new MalformedTensorFileException(
                        MISSING_STORAGE, at, "no tensor " + Printable.name(number), "it among the archive's tensors");
            }
        }
    }

    private static List<Object> items(Object value, int count, long at) throws MalformedTensorFileException {
        if (value instanceof Tuple tuple && tuple.items().size() == count) {
            return tuple.items();
        }
        throw invalid(at, "something else than " + count + " values");
    }

    private static MalformedTensorFileException invalid(long at, String found) {
        return new MalformedTensorFileException(INVALID_PICKLE, at, found, "a tar archive as torch wrote it");
    }
}

package io.doraxis.tensorfile;

import static io.doraxis.tensorfile.Reason.BODY_TRUNCATED;
import static io.doraxis.tensorfile.Reason.INVALID_PICKLE;
import static io.doraxis.tensorfile.Reason.OVER_LIMIT;
import static io.doraxis.tensorfile.Reason.SIZE_MISMATCH;

import io.doraxis.tensorfile.PickleInput.EndOfInput;
import io.doraxis.tensorfile.PickleValue.Dict;
import io.doraxis.tensorfile.PickleValue.Persistent;
import io.doraxis.tensorfile.PickleValue.Sequence;
import io.doraxis.tensorfile.TorchTensor.TorchStorage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Torch's files of before 1.6, and of later ones on demand: five pickles one after the other (a magic number, a version,
 * the machine, the object, the keys of its storages), then for each key its number of elements in eight bytes and the
 * elements.
 */
final class TorchLegacy {
    /** How far to read until the pickles end; the first bytes in hand come before. */
    private static final int[] WINDOWS = {0, 512 << 10, 8 << 20, 64 << 20};

    private static final int COUNT_BYTES = 8;

    private TorchLegacy() {}

    static TensorIndex read(FileBytes file, PickleScan scan) throws MalformedTensorFileException, IOException {
        scan.begin();
        int before = -1;
        for (int window : WINDOWS) {
            int length = (int) Math.min(file.length(), Math.max(window, file.headLength()));
            if (length == before) {
                continue; // the first bytes in hand were more
            }
            before = length;
            byte[] bytes = length <= file.headLength() ? file.head() : file.read(0, length);
            try {
                return parse(bytes, length, file.length(), scan);
            } catch (EndOfInput e) {
                if (length == file.length()) {
                    throw TorchReader.truncatedPickle(length);
                }
            }
        }
        throw new MalformedTensorFileException(
                OVER_LIMIT, 0, "pickles of more than " + WINDOWS[WINDOWS.length - 1] + " bytes", "a model's");
    }

    private static TensorIndex parse(byte[] bytes, int length, long fileLength, PickleScan scan)
            throws MalformedTensorFileException, EndOfInput {
        PickleInput in = new PickleInput(bytes, 0, length, 0);
        new PickleMachine(in, scan).read(); // the magic number, by which the file was recognised
        new PickleMachine(in, scan).read();
        boolean bigEndian = isBigEndian(new PickleMachine(in, scan).read());
        long objectAt = in.position();
        PickleMachine machine = new PickleMachine(in, scan);
        Object object = machine.read();
        Object keys = new PickleMachine(in, scan).read();
        scan.end();
        if (!(keys instanceof Sequence sequence)) {
            throw new MalformedTensorFileException(
                    INVALID_PICKLE, in.position(), "no list of storages behind the object", "torch's five pickles");
        }
        TorchPickle contents = TorchPickle.of(object, objectAt);
        Layout layout = new Layout(bytes, length, fileLength, bigEndian);
        layout.place(machine.persistents(), sequence.items, in.at());
        if (bigEndian) {
            layout.findings.add(TorchReader.otherByteOrder("big"));
            return TorchReader.index(contents, storage -> TensorInfo.NOWHERE, layout.findings);
        }
        return TorchReader.index(contents, layout::begin, layout.findings);
    }

    /** What a pickle about the machine says; one that says nothing is of a little-endian one. */
    static boolean isBigEndian(Object machine) {
        if (machine instanceof Dict dict) {
            for (int i = 0; i < dict.items.size(); i += 2) {
                if ("little_endian".equals(dict.items.get(i))) {
                    return Boolean.FALSE.equals(dict.items.get(i + 1));
                }
            }
        }
        return false;
    }

    /** Where the storages lie: each place follows from the sizes of those before. */
    private static final class Layout {
        private final byte[] bytes;
        private final int length;
        private final long fileLength;
        private final boolean bigEndian;
        private final Map<String, Long> begins = new HashMap<>();
        private final List<Finding> findings = new ArrayList<>();

        Layout(byte[] bytes, int length, long fileLength, boolean bigEndian) {
            this.bytes = bytes;
            this.length = length;
            this.fileLength = fileLength;
            this.bigEndian = bigEndian;
        }

        void place(List<Persistent> persistents, List<Object> keys, long begin) throws MalformedTensorFileException {
            Map<String, TorchStorage> storages = new HashMap<>();
            for (Persistent persistent : persistents) {
                TorchStorage storage = TorchPickle.storage(persistent.id());
                if (storage != null) {
                    storages.put(storage.key(), storage);
                }
            }
            long at = begin;
            for (Object key : keys) {
                TorchStorage storage = key instanceof String name ? storages.get(name) : null;
                if (storage == null || storage.width() == 0 || storage.numel() < 0) {
                    return; // one of another kind, whose size is not known: nor is the place of those behind it
                }
                checkCount(at, storage);
                checkRoom(at + COUNT_BYTES, storage);
                begins.put(storage.key(), at + COUNT_BYTES);
                at += COUNT_BYTES + storage.bytes();
            }
            if (at < fileLength) {
                findings.add(new Finding(
                        Finding.Code.TRAILING_DATA, fileLength - at + " bytes behind the last storage are not read"));
            }
        }

        /** A pickle may claim more elements than a 64-bit number has bytes for. */
        private void checkRoom(long at, TorchStorage storage) throws MalformedTensorFileException {
            if (storage.numel() > (fileLength - at) / storage.width() || at > fileLength) {
                throw new MalformedTensorFileException(
                        BODY_TRUNCATED,
                        fileLength,
                        "a file of " + fileLength + " bytes",
                        "%d elements of %d bytes from byte %d on".formatted(storage.numel(), storage.width(), at));
            }
        }

        private void checkCount(long at, TorchStorage storage) throws MalformedTensorFileException {
            if (at + COUNT_BYTES > length) {
                return; // not in hand
            }
            long count = EightBytes.at(bytes, (int) at);
            boolean swapped =
                    bigEndian && Long.reverseBytes(count) == storage.numel(); // torch wrote either, by version
            if (count != storage.numel() && !swapped) {
                throw new MalformedTensorFileException(
                        SIZE_MISMATCH,
                        at,
                        count + " elements of storage '" + Printable.name(storage.key()) + "'",
                        storage.numel() + " as the pickle says");
            }
        }

        long begin(TorchStorage storage) {
            return begins.getOrDefault(storage.key(), TensorInfo.NOWHERE);
        }
    }
}

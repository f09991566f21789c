package io.doraxis.tensorfile;

import static io.doraxis.tensorfile.Reason.INVALID_ZIP;
import static io.doraxis.tensorfile.Reason.MISSING_STORAGE;
import static io.doraxis.tensorfile.Reason.OVER_LIMIT;
import static io.doraxis.tensorfile.Reason.SIZE_MISMATCH;
import static io.doraxis.tensorfile.Reason.UNSUPPORTED_CONTAINER;

import io.doraxis.tensorfile.PickleInput.EndOfInput;
import io.doraxis.tensorfile.TorchTensor.TorchStorage;
import io.doraxis.tensorfile.ZipDirectory.Entry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * Torch's zip archives (torch 1.6 and later): {@code root/data.pkl} describes the tensors, {@code root/data/KEY} holds
 * a storage each, stored and aligned. Read by the archive's directory and the pickle, without any storage.
 */
final class TorchZip {
    private static final String PICKLE = "/data.pkl";
    private static final int MAX_PICKLE = 64 << 20;

    /** Torch's writer aligns each entry's content by a padding in its local header. */
    private static final int ALIGNMENT = 64;

    /** Name and size of the field that pads. */
    private static final int PADDING_FIELD = 4;

    private static final int DESCRIPTOR = 16;
    private static final int DESCRIPTOR64 = 24;

    private final FileBytes file;
    private final Map<String, Entry> entries = new HashMap<>();
    private final String root;
    private boolean placesProven;

    private TorchZip(FileBytes file, String root, List<Entry> entries) {
        this.file = file;
        this.root = root;
        entries.forEach(entry -> this.entries.put(entry.name(), entry));
    }

    static TensorIndex read(FileBytes file, PickleScan scan) throws MalformedTensorFileException, IOException {
        ZipDirectory directory = ZipDirectory.read(file);
        Entry pickle = pickle(directory.entries());
        String root = pickle.name().substring(0, pickle.name().length() - PICKLE.length());
        TorchZip zip = new TorchZip(file, root, directory.entries());
        zip.placesProven = !file.inHand(0, file.length()) && arePadded(directory);
        TorchPickle contents = zip.contents(pickle, scan);
        zip.checkByteOrder();
        return TorchReader.index(contents, zip::begin, List.of());
    }

    private static Entry pickle(List<Entry> entries) throws MalformedTensorFileException {
        List<Entry> pickles = new ArrayList<>();
        boolean arrays = !entries.isEmpty();
        boolean script = false;
        for (Entry entry : entries) {
            String name = entry.name();
            if (name.endsWith(PICKLE) && name.indexOf('/') == name.length() - PICKLE.length()) {
                pickles.add(entry);
            }
            script |= name.endsWith("/constants.pkl") || name.contains("/code/");
            arrays &= name.endsWith(".npy");
        }
        if (pickles.size() == 1 && !script) {
            return pickles.get(0);
        }
        String found = arrays
                ? "a NumPy archive (npz)"
                : script
                        ? "a TorchScript archive"
                        : pickles.isEmpty() ? "a zip archive without data.pkl" : "a zip archive of several data.pkl";
        throw new MalformedTensorFileException(UNSUPPORTED_CONTAINER, 0, found, "safetensors, or a file of torch.save");
    }

    private TorchPickle contents(Entry entry, PickleScan scan) throws MalformedTensorFileException, IOException {
        if (entry.size() > MAX_PICKLE || entry.stored() > MAX_PICKLE) {
            throw new MalformedTensorFileException(
                    OVER_LIMIT, entry.header(), "data.pkl of " + entry.size() + " bytes", "at most " + MAX_PICKLE);
        }
        byte[] raw = file.read(entry.header(), Math.min(file.length(), entry.header() + reach(entry)));
        long begin = contentBegin(entry, ByteBuffer.wrap(raw));
        int from = (int) (begin - entry.header());
        if (from + entry.stored() > raw.length) {
            raw = file.read(entry.header(), Math.min(file.length(), begin + entry.stored()));
        }
        byte[] pickle = entry.isStored() ? raw : inflated(entry, raw, from, begin);
        int at = entry.isStored() ? from : 0;
        PickleInput in = new PickleInput(pickle, at, at + (int) entry.size(), begin - at);
        scan.begin();
        try {
            Object value = new PickleMachine(in, scan).read();
            if (!in.atEnd()) {
                TorchReader.scan(in, scan);
            }
            return TorchPickle.of(value, begin);
        } catch (EndOfInput e) {
            throw TorchReader.truncatedPickle(begin + entry.size());
        }
    }

    /** First byte of an entry's content by its local header; a header may lie about that. */
    private long contentBegin(Entry entry, ByteBuffer header) throws MalformedTensorFileException {
        long begin = ZipDirectory.dataBegin(entry, header);
        if (begin > file.length() - entry.stored()) {
            throw new MalformedTensorFileException(
                    INVALID_ZIP, entry.header(), "content from byte " + begin, "it within the file");
        }
        return begin;
    }

    /** Bytes from the local header to the end of the content, with room for the padding. */
    private static long reach(Entry entry) {
        return ZipDirectory.headerBytes(entry) + PADDING_FIELD + ALIGNMENT + entry.stored();
    }

    private static byte[] inflated(Entry entry, byte[] raw, int from, long begin) throws MalformedTensorFileException {
        byte[] content = new byte[(int) entry.size()];
        Inflater inflater = new Inflater(true);
        try {
            inflater.setInput(raw, from, (int) entry.stored());
            int length = 0;
            while (length < content.length) {
                int more = inflater.inflate(content, length, content.length - length);
                if (more == 0) {
                    break;
                }
                length += more;
            }
            if (entry.method() == 8 && length == content.length && inflater.inflate(new byte[1]) == 0) {
                return content;
            }
        } catch (DataFormatException e) {
            throw new MalformedTensorFileException(
                    INVALID_ZIP, begin, "a broken data.pkl: " + e.getMessage(), "deflate");
        } finally {
            inflater.end();
        }
        throw new MalformedTensorFileException(INVALID_ZIP, begin, "data.pkl of another size", "what its entry says");
    }

    private void checkByteOrder() throws MalformedTensorFileException, IOException {
        Entry order = entries.get(root + "/byteorder");
        if (order == null || order.stored() > 16 || !order.isStored() || !file.inHand(0, file.length())) {
            return; // big-endian machines wrote none of what hubs hold: not worth a request
        }
        byte[] raw = file.read(order.header(), Math.min(file.length(), order.header() + reach(order)));
        long begin = contentBegin(order, ByteBuffer.wrap(raw));
        byte[] text = file.read(begin, begin + order.stored());
        if (new String(text, StandardCharsets.ISO_8859_1).equals("big")) {
            throw new MalformedTensorFileException(UNSUPPORTED_CONTAINER, begin, "big-endian data", "little-endian");
        }
    }

    /** The place of a storage's content: by its local header where that is in hand, else by the writer's alignment. */
    private long begin(TorchStorage storage) throws MalformedTensorFileException {
        Entry entry = entries.get(root + "/data/" + storage.key());
        if (entry == null) {
            throw new MalformedTensorFileException(
                    MISSING_STORAGE,
                    0,
                    "no storage '" + SafetensorsReader.clip(storage.key()) + "'",
                    "an entry of the archive for each storage");
        }
        if (storage.bytes() >= 0 && entry.size() != storage.bytes()) {
            throw new MalformedTensorFileException(
                    SIZE_MISMATCH,
                    entry.header(),
                    entry.size() + " bytes for storage '" + SafetensorsReader.clip(storage.key()) + "'",
                    storage.bytes() + " for its elements");
        }
        if (!entry.isStored()) {
            return TensorInfo.NOWHERE;
        }
        int header = ZipDirectory.headerBytes(entry);
        if (file.inHand(entry.header(), entry.header() + header)) {
            return contentBegin(
                    entry,
                    ByteBuffer.wrap(file.head(), (int) entry.header(), header).slice());
        }
        return placesProven ? padded(entry) : TensorInfo.NOWHERE;
    }

    private static long padded(Entry entry) {
        long unpadded = entry.header() + ZipDirectory.headerBytes(entry) + PADDING_FIELD;
        return (unpadded + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    /** Whether every entry lies where torch's writer puts it: each one ends, with its descriptor, where the next begins. */
    private static boolean arePadded(ZipDirectory directory) {
        List<Entry> byPlace = directory.entries();
        for (int i = 0; i < byPlace.size(); i++) {
            long next = i + 1 < byPlace.size() ? byPlace.get(i + 1).header() : directory.begin();
            long behind = next - padded(byPlace.get(i)) - byPlace.get(i).stored();
            if (behind != 0 && behind != DESCRIPTOR && behind != DESCRIPTOR64) {
                return false;
            }
        }
        return true;
    }
}

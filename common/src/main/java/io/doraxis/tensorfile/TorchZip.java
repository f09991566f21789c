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
    private static final String BYTE_ORDER = "/byteorder";
    private static final String SCRIPT = "/constants.pkl";
    private static final int MAX_PICKLE = 64 << 20;

    /** Of an archive of something else: a script has two. */
    private static final int MAX_PICKLES_SCANNED = 16;

    /** Torch's writer aligns each entry's content by a padding in its local header. */
    private static final int ALIGNMENT = 64;

    /** Name and size of the field that pads. */
    private static final int PADDING_FIELD = 4;

    /** How far behind the pickle the entry about the byte order may end and still come with it. */
    private static final int NEAR = 4 << 10;

    private static final int MAX_ORDER = 16;
    private static final int DESCRIPTOR = 16;
    private static final int DESCRIPTOR64 = 24;

    private final FileBytes file;
    private final Map<String, Entry> entries = new HashMap<>();

    /** By their keys: a pickle may ask for one under a long key many times. */
    private final Map<String, Entry> storages = new HashMap<>();

    private final String root;
    private boolean placesProven;

    /** What was read last, from byte {@code rawBegin} of the file on. */
    private byte[] raw = {};

    private long rawBegin;

    private TorchZip(FileBytes file, String root, List<Entry> entries) {
        this.file = file;
        this.root = root;
        String data = root + "/data/";
        for (Entry entry : entries) {
            this.entries.put(entry.name(), entry);
            if (entry.name().startsWith(data)) {
                storages.put(entry.name().substring(data.length()), entry);
            }
        }
    }

    static TensorIndex read(FileBytes file, PickleScan scan) throws MalformedTensorFileException, IOException {
        ZipDirectory directory = ZipDirectory.read(file);
        Entry pickle = pickle(file, directory.entries(), scan);
        String root = pickle.name().substring(0, pickle.name().length() - PICKLE.length());
        TorchZip zip = new TorchZip(file, root, directory.entries());
        zip.placesProven = !file.inHand(0, file.length()) && arePadded(directory);
        TorchPickle contents = zip.contents(pickle, scan);
        String order = zip.byteOrder();
        if (order.equals("little")) {
            return TorchReader.index(contents, zip::begin, List.of());
        }
        return TorchReader.index(contents, zip::nowhere, List.of(TorchReader.otherByteOrder(order)));
    }

    /** Of a storage that is there, and whose elements nothing decodes. */
    private long nowhere(TorchStorage storage) throws MalformedTensorFileException {
        begin(storage);
        return TensorInfo.NOWHERE;
    }

    private static Entry pickle(FileBytes file, List<Entry> entries, PickleScan scan)
            throws MalformedTensorFileException, IOException {
        List<Entry> pickles = new ArrayList<>();
        boolean arrays = !entries.isEmpty();
        boolean script = false;
        for (Entry entry : entries) {
            if (isAtRoot(entry, PICKLE)) {
                pickles.add(entry);
            }
            script |= isAtRoot(entry, SCRIPT); // by which torch itself tells one
            arrays &= entry.name().endsWith(".npy");
        }
        if (pickles.size() == 1 && !script) {
            return pickles.get(0);
        }
        new TorchZip(file, "", entries).scanPickles(entries, scan);
        String found = arrays
                ? "a NumPy archive (npz)"
                : script
                        ? "a TorchScript archive"
                        : pickles.isEmpty() ? "a zip archive without data.pkl" : "a zip archive of several data.pkl";
        throw new MalformedTensorFileException(UNSUPPORTED_CONTAINER, 0, found, "safetensors, or a file of torch.save");
    }

    private static boolean isAtRoot(Entry entry, String end) {
        return entry.name().endsWith(end)
                && entry.name().indexOf('/') == entry.name().length() - end.length();
    }

    /** What the pickles of an archive would import is worth telling though nothing else of it is read. */
    private void scanPickles(List<Entry> entries, PickleScan scan) throws IOException {
        int scanned = 0;
        long bytes = 0;
        for (Entry entry : entries) {
            if (!entry.name().endsWith(".pkl")) {
                continue;
            }
            scan.begin();
            bytes += Math.min(entry.size(), MAX_PICKLE);
            if (++scanned > MAX_PICKLES_SCANNED || bytes > MAX_PICKLE) {
                scan.close();
                return;
            }
            try {
                TorchReader.scan(input(entry), scan);
            } catch (MalformedTensorFileException e) {
                scan.close(); // a larger one, or an entry that is not what it says
            }
        }
    }

    private PickleInput input(Entry entry) throws MalformedTensorFileException, IOException {
        if (entry.size() > MAX_PICKLE || entry.stored() > MAX_PICKLE) {
            throw new MalformedTensorFileException(
                    OVER_LIMIT, entry.header(), "a pickle of " + entry.size() + " bytes", "at most " + MAX_PICKLE);
        }
        long end = end(entry);
        Entry order = entries.get(root + BYTE_ORDER);
        boolean near = order != null && order.header() >= entry.header() && end(order) <= end + NEAR;
        load(entry.header(), near ? Math.max(end, end(order)) : end);
        long begin = contentBegin(entry, ByteBuffer.wrap(raw));
        int from = (int) (begin - entry.header());
        if (from + entry.stored() > raw.length) {
            load(entry.header(), begin + entry.stored());
        }
        return entry.isStored()
                ? new PickleInput(raw, from, from + (int) entry.size(), entry.header())
                : PickleInput.inflated(inflated(entry, raw, from, begin), begin);
    }

    private TorchPickle contents(Entry entry, PickleScan scan) throws MalformedTensorFileException, IOException {
        scan.begin();
        PickleInput in = input(entry);
        long begin = in.position();
        try {
            Object value = new PickleMachine(in, scan).read();
            TorchReader.scan(in, scan); // what stands behind it
            return TorchPickle.of(value, begin);
        } catch (EndOfInput e) {
            throw TorchReader.truncatedPickle(begin + entry.stored());
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

    private void load(long from, long to) throws IOException {
        raw = file.read(from, to);
        rawBegin = from;
    }

    /** Where an entry ends in the file at the latest, with room for the padding. */
    private long end(Entry entry) {
        long reach = ZipDirectory.headerBytes(entry) + PADDING_FIELD + ALIGNMENT + entry.stored();
        return Math.min(file.length(), entry.header() + reach);
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

    /** {@code little}, {@code big}, or what else stands there; older versions wrote nothing, and were little-endian. */
    private String byteOrder() throws MalformedTensorFileException, IOException {
        Entry order = entries.get(root + BYTE_ORDER);
        if (order == null) {
            return "little";
        }
        if (!order.isStored() || order.stored() > MAX_ORDER) {
            return "unknown";
        }
        if (order.header() < rawBegin || end(order) > rawBegin + raw.length) {
            load(order.header(), end(order));
        }
        int header = (int) (order.header() - rawBegin);
        long begin = contentBegin(
                order, ByteBuffer.wrap(raw, header, raw.length - header).slice());
        int at = (int) (begin - rawBegin);
        if (at + order.stored() > raw.length) {
            load(begin, begin + order.stored());
            at = 0;
        }
        return new String(raw, at, (int) order.stored(), StandardCharsets.ISO_8859_1);
    }

    /** The place of a storage's content: by its local header where that is in hand, else by the writer's alignment. */
    private long begin(TorchStorage storage) throws MalformedTensorFileException {
        Entry entry = storages.get(storage.key());
        if (entry == null) {
            throw new MalformedTensorFileException(
                    MISSING_STORAGE,
                    0,
                    "no storage '" + Printable.name(storage.key()) + "'",
                    "an entry of the archive for each storage");
        }
        if (storage.bytes() >= 0 && entry.size() != storage.bytes()) {
            throw new MalformedTensorFileException(
                    SIZE_MISMATCH,
                    entry.header(),
                    entry.size() + " bytes for storage '" + Printable.name(storage.key()) + "'",
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

package io.doraxis.tensorfile;

import static io.doraxis.tensorfile.Reason.BODY_TRUNCATED;
import static io.doraxis.tensorfile.Reason.INVALID_ZIP;
import static io.doraxis.tensorfile.Reason.OVER_LIMIT;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The central directory of a zip archive (PKWARE's APPNOTE 6.3.10, with ZIP64): where its entries lie. Nothing is
 * inflated. An archive that two readers could read differently is refused: names that come twice, entries that overlap.
 *
 * @param entries in the order of their places
 * @param begin first byte of the directory
 */
record ZipDirectory(List<Entry> entries, long begin) {
    private static final int END_BYTES = 22;
    private static final int LOCATOR_BYTES = 20;
    private static final int END64_BYTES = 56;
    private static final int LOCAL_BYTES = 30;
    private static final int CENTRAL_BYTES = 46;
    private static final int END = 0x06054b50;
    private static final int LOCATOR = 0x07064b50;
    private static final int END64 = 0x06064b50;
    private static final int LOCAL = 0x04034b50;
    private static final int CENTRAL = 0x02014b50;
    private static final long SEE_ZIP64 = 0xffffffffL;

    /** Holds the longest comment, and the directory of some three thousand tensors. */
    private static final int TAIL_BYTES = 256 << 10;

    private static final int MAX_BYTES = 64 << 20;

    /** A tensor each, and the few others. */
    private static final int MAX_ENTRIES = SafetensorsReader.MAX_TENSORS + 1_000;

    /**
     * One member of the archive.
     *
     * @param nameBytes of its name in the archive
     * @param method 0 stored, 8 deflated
     * @param stored bytes that it takes in the archive
     * @param size bytes when inflated
     * @param header first byte of its local header
     */
    record Entry(String name, int nameBytes, int method, long stored, long size, long header) {
        boolean isStored() {
            return method == 0;
        }
    }

    /**
     * Finds and reads the directory.
     *
     * @throws MalformedTensorFileException if the archive has none, or a contradictory one
     */
    static ZipDirectory read(FileBytes file) throws MalformedTensorFileException, IOException {
        long length = file.length();
        long tailBegin = file.inHand(0, length) ? 0 : Math.max(0, length - TAIL_BYTES);
        byte[] tail = file.read(tailBegin, length);
        int end = lastEnd(tail);
        if (end < 0) {
            throw new MalformedTensorFileException(
                    BODY_TRUNCATED, length, "the end of the file", "a zip archive's directory before it");
        }
        ByteBuffer in = ByteBuffer.wrap(tail).order(ByteOrder.LITTLE_ENDIAN);
        long count = in.getShort(end + 10) & 0xffff;
        long bytes = in.getInt(end + 12) & SEE_ZIP64;
        long begin = in.getInt(end + 16) & SEE_ZIP64;
        long directoryEnd = tailBegin + end;
        int locator = end - LOCATOR_BYTES;
        if (locator >= 0 && in.getInt(locator) == LOCATOR) {
            long place = in.getLong(locator + 8);
            check(place >= 0 && place <= length - END64_BYTES, tailBegin + locator, "a ZIP64 record at " + place);
            byte[] record = place >= tailBegin
                    ? Arrays.copyOfRange(tail, (int) (place - tailBegin), (int) (place - tailBegin) + END64_BYTES)
                    : file.read(place, place + END64_BYTES);
            ByteBuffer end64 = ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN);
            check(end64.getInt(0) == END64, place, "no ZIP64 record");
            count = end64.getLong(32);
            bytes = end64.getLong(40);
            begin = end64.getLong(48);
            long sizeOfRest = end64.getLong(4); // behind this number
            check(sizeOfRest == tailBegin + locator - place - 12, place, "a ZIP64 record apart from what tells of it");
            directoryEnd = place;
        }
        check(begin >= 0 && bytes >= 0 && begin <= length - bytes, tailBegin + end, "a directory outside the file");
        check(begin + bytes == directoryEnd, tailBegin + end, "a directory that ends elsewhere");
        if (bytes > MAX_BYTES) {
            throw new MalformedTensorFileException(
                    OVER_LIMIT, begin, "a directory of " + bytes + " bytes", "at most " + MAX_BYTES);
        }
        byte[] directory = begin >= tailBegin
                ? Arrays.copyOfRange(tail, (int) (begin - tailBegin), (int) (begin - tailBegin + bytes))
                : file.read(begin, begin + bytes);
        ZipDirectory zip = new ZipDirectory(entries(directory, begin, count), begin);
        zip.checkApart();
        return zip;
    }

    /** The last record that ends with the file: its comment may hold bytes that look like another. */
    private static int lastEnd(byte[] tail) {
        ByteBuffer in = ByteBuffer.wrap(tail).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = tail.length - END_BYTES; at >= 0; at--) {
            if (in.getInt(at) == END && at + END_BYTES + (in.getShort(at + 20) & 0xffff) == tail.length) {
                return at;
            }
        }
        return -1;
    }

    private static List<Entry> entries(byte[] directory, long begin, long count) throws MalformedTensorFileException {
        ByteBuffer in = ByteBuffer.wrap(directory).order(ByteOrder.LITTLE_ENDIAN);
        List<Entry> entries = new ArrayList<>();
        Set<String> names = new HashSet<>();
        int at = 0;
        while (at < directory.length) {
            check(at <= directory.length - CENTRAL_BYTES && in.getInt(at) == CENTRAL, begin + at, "no entry");
            int nameLength = in.getShort(at + 28) & 0xffff;
            int extraLength = in.getShort(at + 30) & 0xffff;
            int commentLength = in.getShort(at + 32) & 0xffff;
            int next = at + CENTRAL_BYTES + nameLength + extraLength + commentLength;
            check(next <= directory.length, begin + at, "an entry beyond the directory");
            String name = new String(directory, at + CENTRAL_BYTES, nameLength, StandardCharsets.UTF_8);
            if (entries.size() == MAX_ENTRIES) {
                throw new MalformedTensorFileException(
                        OVER_LIMIT, begin + at, "more than " + MAX_ENTRIES + " entries", "a model's");
            }
            if (!names.add(name)) {
                throw invalid(begin + at, "'" + Printable.name(name) + "' for the second time");
            }
            entries.add(entry(in, at, name, nameLength, extraLength, begin));
            at = next;
        }
        entries.sort(Comparator.comparingLong(Entry::header));
        check(entries.size() == count, begin, entries.size() + " entries where " + count + " are announced");
        return entries;
    }

    private static Entry entry(ByteBuffer in, int at, String name, int nameBytes, int extraLength, long begin)
            throws MalformedTensorFileException {
        int extra = at + CENTRAL_BYTES + nameBytes;
        int method = in.getShort(at + 10) & 0xffff;
        long[] numbers = {in.getInt(at + 24) & SEE_ZIP64, in.getInt(at + 20) & SEE_ZIP64, in.getInt(at + 42) & SEE_ZIP64
        };
        int field = extra;
        while (field + 4 <= extra + extraLength) {
            int size = in.getShort(field + 2) & 0xffff;
            int value = field + 4;
            if (in.getShort(field) == 1) { // ZIP64: those of size, stored size and place that did not fit
                for (int i = 0; i < numbers.length; i++) {
                    if (numbers[i] == SEE_ZIP64) {
                        check(value + 8 <= extra + extraLength, begin + at, "a ZIP64 field that is too short");
                        numbers[i] = in.getLong(value);
                        value += 8;
                    }
                }
            }
            field += 4 + size;
        }
        boolean plausible = numbers[0] >= 0 && numbers[1] >= 0 && numbers[2] >= 0 && numbers[2] <= begin - LOCAL_BYTES;
        check(plausible && numbers[1] <= begin - numbers[2], begin + at, "an entry beyond the directory's begin");
        check(method != 0 || numbers[0] == numbers[1], begin + at, "a stored entry of two sizes");
        return new Entry(name, nameBytes, method, numbers[1], numbers[0], numbers[2]);
    }

    /** No entry reaches into the next one. */
    private void checkApart() throws MalformedTensorFileException {
        long free = 0;
        for (Entry entry : entries) {
            if (entry.header < free) {
                throw invalid(entry.header, "'" + Printable.name(entry.name) + "' within another entry");
            }
            free = entry.header + headerBytes(entry) + entry.stored;
        }
        check(free <= begin, free, "an entry within the directory");
    }

    /**
     * First byte of an entry's content, by its local header.
     *
     * @param header at least 30 bytes and the name, from {@link Entry#header} on
     */
    static long dataBegin(Entry entry, ByteBuffer header) throws MalformedTensorFileException {
        header.order(ByteOrder.LITTLE_ENDIAN);
        check(header.remaining() >= LOCAL_BYTES && header.getInt(0) == LOCAL, entry.header, "no local header");
        int nameLength = header.getShort(26) & 0xffff;
        int extraLength = header.getShort(28) & 0xffff;
        boolean same = nameLength == entry.nameBytes && header.remaining() >= LOCAL_BYTES + nameLength;
        if (same) {
            byte[] local = new byte[nameLength];
            header.get(LOCAL_BYTES, local);
            same = new String(local, StandardCharsets.UTF_8).equals(entry.name);
        }
        check(same && header.getShort(8) == entry.method, entry.header, "a local header of another name or method");
        return entry.header + LOCAL_BYTES + nameLength + extraLength;
    }

    /** Bytes of an entry's local header up to the end of its name. */
    static int headerBytes(Entry entry) {
        return LOCAL_BYTES + entry.nameBytes;
    }

    private static void check(boolean holds, long at, String found) throws MalformedTensorFileException {
        if (!holds) {
            throw invalid(at, found);
        }
    }

    private static MalformedTensorFileException invalid(long at, String found) {
        return new MalformedTensorFileException(INVALID_ZIP, at, found, "a consistent zip archive");
    }
}

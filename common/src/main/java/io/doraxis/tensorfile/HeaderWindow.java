package io.doraxis.tensorfile;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;

/**
 * The part of a header that is in memory. Most headers are there as a whole; a longer one is streamed behind the bytes
 * in hand, so that memory grows with the longest text that is kept and not with the header.
 */
final class HeaderWindow implements Closeable {
    private static final int CHUNK = 1 << 16;

    byte[] bytes;
    int limit;

    /** Position in the file of {@code bytes[0]}. */
    private long origin;

    private final int start;
    private final long end;
    private final RangeReader file;
    private boolean owned;
    private InputStream rest;

    /**
     * @param bytes first bytes of the file, of which the header's part is {@code [start, limit)}
     * @param end where the header ends in the file
     */
    HeaderWindow(byte[] bytes, int start, int limit, long end, RangeReader file) {
        this.bytes = bytes;
        this.start = start;
        this.limit = limit;
        this.end = end;
        this.file = file;
    }

    int start() {
        return start;
    }

    /** How much of the header came with the first bytes. */
    int inHand() {
        return limit - start;
    }

    /** Position in the file of a position in the window. */
    long absolute(int position) {
        return origin + position;
    }

    /**
     * Brings in more of the header; what stands before {@code keepFrom} is dropped.
     *
     * @return how far the kept bytes moved towards the front, or -1 at the end of the header
     */
    int fill(int keepFrom) throws IOException {
        long next = origin + limit;
        if (next >= end) {
            return -1;
        }
        if (rest == null) {
            rest = file.open(next, end);
        }
        int kept = limit - keepFrom;
        int wanted = (int) Math.min(end - next, Math.max(CHUNK, kept));
        byte[] target = owned && bytes.length >= kept + wanted ? bytes : new byte[kept + wanted];
        System.arraycopy(bytes, keepFrom, target, 0, kept);
        int read = rest.readNBytes(target, kept, wanted);
        if (read < wanted) {
            throw StoreException.shortBody(file.name(), next + read, end);
        }
        bytes = target;
        owned = true;
        limit = kept + read;
        origin += keepFrom;
        return keepFrom;
    }

    @Override
    public void close() throws IOException {
        if (rest != null) {
            rest.close();
        }
    }
}

package io.doraxis.tensorfile;

import java.io.IOException;
import java.io.InputStream;

/**
 * Parts of a file by their place: out of its first bytes where these hold them, else by one request each.
 *
 * @param head first bytes of the file, of which {@code headLength} count
 */
record FileBytes(RangeReader file, byte[] head, int headLength) {
    long length() {
        return file.length();
    }

    /** Whether those bytes cost no request. */
    boolean inHand(long from, long to) {
        return from >= 0 && to <= headLength;
    }

    /**
     * The bytes {@code [from, to)}.
     *
     * @throws StoreException if the body ends before
     */
    byte[] read(long from, long to) throws IOException {
        int length = Math.toIntExact(to - from);
        byte[] bytes = new byte[length];
        int known = from < headLength ? (int) Math.min(length, headLength - from) : 0;
        System.arraycopy(head, (int) Math.min(from, headLength), bytes, 0, known);
        if (known < length) {
            try (InputStream rest = file.open(from + known, to)) {
                int read = rest.readNBytes(bytes, known, length - known);
                if (known + read < length) {
                    throw StoreException.shortBody(file.name(), from + known + read, to);
                }
            }
        }
        return bytes;
    }
}

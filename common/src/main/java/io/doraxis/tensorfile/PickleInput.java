package io.doraxis.tensorfile;

import java.nio.charset.StandardCharsets;

/** A forward cursor over a pickle's bytes. A length is compared with what is left before anything is made of it. */
final class PickleInput {
    private final byte[] bytes;
    private final int end;
    private final long origin;
    private final boolean inflated;
    private int at;

    /**
     * @param origin position in the file of {@code bytes[0]}, for messages
     */
    PickleInput(byte[] bytes, int from, int end, long origin) {
        this(bytes, from, end, origin, false);
    }

    private PickleInput(byte[] bytes, int from, int end, long origin, boolean inflated) {
        this.bytes = bytes;
        this.at = from;
        this.end = end;
        this.origin = origin;
        this.inflated = inflated;
    }

    /** Of bytes that stand nowhere in the file: all are told to be where the deflated ones begin. */
    static PickleInput inflated(byte[] bytes, long origin) {
        return new PickleInput(bytes, 0, bytes.length, origin, true);
    }

    /** The pickle goes on behind the bytes at hand. */
    static final class EndOfInput extends Exception {
        private static final long serialVersionUID = 1;

        EndOfInput() {
            super(null, null, false, false);
        }
    }

    /** Position among the bytes. */
    int at() {
        return at;
    }

    /** Position in the file. */
    long position() {
        return inflated ? origin : origin + at;
    }

    boolean atEnd() {
        return at == end;
    }

    private int take(long count) throws EndOfInput {
        if (count < 0 || count > end - at) {
            throw new EndOfInput();
        }
        int from = at;
        at += (int) count;
        return from;
    }

    void skip(long count) throws EndOfInput {
        take(count);
    }

    int u8() throws EndOfInput {
        return bytes[take(1)] & 0xff;
    }

    /** A little-endian number of that many bytes, at most eight; those of eight bytes are signed. */
    long number(int count) throws EndOfInput {
        int from = take(count);
        long value = 0;
        for (int i = count - 1; i >= 0; i--) {
            value = value << 8 | bytes[from + i] & 0xff;
        }
        return value;
    }

    /** A big-endian double, as only this format has them. */
    double bigEndianDouble() throws EndOfInput {
        return Double.longBitsToDouble(Long.reverseBytes(number(8)));
    }

    /** A two's complement number; null when it does not fit 64 bits. */
    Long signed(long count) throws EndOfInput {
        int from = take(count);
        if (count > 8) {
            return null;
        }
        long value = count == 0 || bytes[from + (int) count - 1] >= 0 ? 0 : -1;
        for (int i = (int) count - 1; i >= 0; i--) {
            value = value << 8 | bytes[from + i] & 0xff;
        }
        return value;
    }

    /** Bytes that are not UTF-8 become replacement characters: the text is compared and shown, nothing else. */
    String text(long count) throws EndOfInput {
        int from = take(count);
        return new String(bytes, from, (int) count, StandardCharsets.UTF_8);
    }

    /** Up to the next line feed, which is taken too. */
    String line() throws EndOfInput {
        int from = at;
        while (at < end && bytes[at] != '\n') {
            at++;
        }
        int length = at - from;
        take(1);
        return new String(bytes, from, length, StandardCharsets.UTF_8);
    }
}

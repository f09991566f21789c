package io.doraxis.tensorfile;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A tensor's entry as it is read. It reads by itself the one form that the reference writes, {@code
 * {"dtype":"F16","shape":[4,320],"data_offsets":[0,2560]}}; anything else, right or wrong, is left to {@link
 * HeaderParser}.
 */
final class TensorEntry {
    private static final byte[] BEFORE_DTYPE = ascii("{\"dtype\":\"");
    private static final byte[] BEFORE_SHAPE = ascii("\",\"shape\":[");
    private static final byte[] BEFORE_OFFSETS = ascii("],\"data_offsets\":[");
    private static final byte[][] NAMES =
            Arrays.stream(Dtype.values()).map(dtype -> ascii(dtype.name())).toArray(byte[][]::new);
    private static final Dtype[] DTYPES = Dtype.values();
    private static final int MAX_DIMS = 8;
    private static final long NOT_USUAL = -1;
    private static final long LARGEST = Long.MAX_VALUE / 10 - 1;

    Dtype dtype = Dtype.F32;

    /** Of which the first {@code rank} count. */
    long[] dims = new long[MAX_DIMS];

    int rank;

    /** Counted from the first byte of the data. */
    long begin;

    long end;

    void addDim(long dim) {
        if (rank == dims.length) {
            dims = Arrays.copyOf(dims, rank * 2);
        }
        dims[rank++] = dim;
    }

    private byte[] in;
    private int p;
    private int limit;

    /** Reads the entry at {@code from}; returns where it ends, or -1 if it is not of this form or not all there. */
    int readUsual(byte[] bytes, int from, int to) {
        in = bytes;
        p = from;
        limit = to;
        if (take(BEFORE_DTYPE) && takeDtype() && take(BEFORE_SHAPE) && takeShape() && take(BEFORE_OFFSETS)) {
            begin = number();
            if (begin == NOT_USUAL || !takeByte(',')) {
                return -1;
            }
            end = number();
            if (end != NOT_USUAL && takeByte(']') && takeByte('}')) {
                return p;
            }
        }
        return -1;
    }

    /** @param expected eight bytes at least, which are compared at once */
    private boolean take(byte[] expected) {
        int after = p + expected.length;
        if (after > limit || !sameEight(after - 8, expected, expected.length - 8)) {
            return false;
        }
        for (int i = 0; i < expected.length - 8; i += 8) {
            if (!sameEight(p + i, expected, i)) {
                return false;
            }
        }
        p = after;
        return true;
    }

    private boolean sameEight(int at, byte[] expected, int from) {
        return EightBytes.at(in, at) == EightBytes.at(expected, from);
    }

    private boolean takeByte(char expected) {
        return p < limit && in[p++] == expected;
    }

    private boolean takeDtype() {
        if (takeName(NAMES[dtype.ordinal()])) { // mostly the same as before
            return true;
        }
        for (int i = 0; i < NAMES.length; i++) {
            if (takeName(NAMES[i])) {
                dtype = DTYPES[i];
                return true;
            }
        }
        return false;
    }

    private boolean takeName(byte[] name) {
        int after = p + name.length;
        if (after >= limit || in[after] != '"' || !Arrays.equals(in, p, after, name, 0, name.length)) {
            return false;
        }
        p = after;
        return true;
    }

    private boolean takeShape() {
        rank = 0;
        if (p < limit && in[p] == ']') {
            return true;
        }
        while (rank < MAX_DIMS) {
            long dim = number();
            if (dim == NOT_USUAL || p == limit) {
                return false;
            }
            dims[rank++] = dim;
            if (in[p] != ',') {
                return in[p] == ']';
            }
            p++;
        }
        return false;
    }

    /** Digits without a leading zero, up to a number well within 63 bits. */
    private long number() {
        if (p + 8 > limit) {
            return NOT_USUAL;
        }
        long eight = EightBytes.at(in, p) ^ EightBytes.ONES * '0';
        long others = (eight + EightBytes.ONES * (0x80 - 10) | eight)
                & EightBytes.ONES * 0x80; // a carry marks bytes above a marked one only
        int digits = Long.numberOfTrailingZeros(others) >>> 3;
        if (digits == 0 || digits > 1 && in[p] == '0') {
            return NOT_USUAL;
        }
        p += digits;
        long value = decimal(eight << 64 - 8 * digits);
        if (digits == 8) {
            while (p < limit && in[p] >= '0' && in[p] <= '9' && value < LARGEST) {
                value = value * 10 + (in[p++] - '0');
            }
        }
        return value < LARGEST ? value : NOT_USUAL;
    }

    /** Eight decimal digits, the first of them in the lowest byte: neighbours are joined to pairs, and pairs again. */
    private static long decimal(long digits) {
        long pairs = digits * 10 + (digits >>> 8) & 0x00ff00ff_00ff00ffL;
        long fours = pairs * 100 + (pairs >>> 16) & 0x0000ffff_0000ffffL;
        return fours * 10_000 + (fours >>> 32) & 0xffffffffL;
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}

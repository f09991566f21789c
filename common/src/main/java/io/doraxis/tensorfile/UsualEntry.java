package io.doraxis.tensorfile;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A tensor's entry in the one form that the reference writes, read without the general parser: {@code
 * {"dtype":"F16","shape":[4,320],"data_offsets":[0,2560]}}. Anything else, right or wrong, is left to the general parser.
 */
final class UsualEntry {
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
    final long[] dims = new long[MAX_DIMS];
    int rank;
    long begin;
    long end;

    private byte[] in;
    private int p;
    private int limit;

    /** Reads the entry at {@code from}; returns where it ends, or -1 if it is not of this form or not all there. */
    int read(byte[] bytes, int from, int to) {
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

    private boolean take(byte[] expected) {
        int after = p + expected.length;
        if (after > limit || !Arrays.equals(in, p, after, expected, 0, expected.length)) {
            return false;
        }
        p = after;
        return true;
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
        return after < limit && in[after] == '"' && take(name);
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
        int start = p;
        long value = 0;
        while (p < limit && in[p] >= '0' && in[p] <= '9' && value < LARGEST) {
            value = value * 10 + (in[p++] - '0');
        }
        int digits = p - start;
        boolean usual = digits == 1 || digits > 1 && in[start] != '0';
        return usual && value < LARGEST ? value : NOT_USUAL;
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}

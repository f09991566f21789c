package io.doraxis.tensorfile;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;

/**
 * Floats to 16 bits in loops that the JIT compiles to vector instructions: it does so for arrays that are walked from
 * their first element, without branches, and not across a change of a number's type. So numbers are copied to such arrays
 * and turned into their bits by way of memory. Three times as fast as one number at a time.
 */
final class HalfLoops {
    /** Elements at a time: all arrays stay in the first-level cache. */
    static final int CHUNK = 1024;

    private static final int MAGNITUDE = 0x7fff_ffff;
    private static final int SIGN_OF_HALF = 0x8000;

    /** 2^-14, the smallest normal half, as bits of a float. */
    private static final int SMALLEST_NORMAL_HALF = 113 << 23;

    /** What the exponents of a float and a half differ by, as bits of a float. */
    private static final int EXPONENTS = 112 << 23;

    /** The first float that rounds to an infinite half, as bits. */
    private static final int INFINITE_AS_HALF = 0x477f_f000;

    /** The first float that rounds to an infinite bfloat16, as bits. */
    private static final int INFINITE_AS_BFLOAT = 0x7f7f_8000;

    private static final int ONE_HALF = Float.floatToRawIntBits(0.5f);

    private final float[] values = new float[CHUNK];
    private final int[] bits = new int[CHUNK];
    private final int[] small = new int[CHUNK];

    /** Negative where a number was too large. */
    private final int[] room = new int[CHUNK];

    private final short[] halves = new short[CHUNK];
    private final FloatBuffer asFloats;
    private final IntBuffer asInts;

    HalfLoops() {
        ByteBuffer memory = ByteBuffer.allocate(Float.BYTES * CHUNK).order(ByteOrder.nativeOrder());
        asFloats = memory.asFloatBuffer();
        asInts = memory.asIntBuffer();
    }

    /**
     * Encodes some numbers as halves.
     *
     * @param count up to {@link #CHUNK}
     * @return valid up to the next call, and of numbers that {@link #allFit} only
     */
    short[] toHalves(float[] numbers, int from, int count) {
        System.arraycopy(numbers, from, values, 0, count);
        toBits(bits, count);
        // the last bit of 0.5 is worth the last of a half: adding it rounds a number below the normal halves
        for (int i = 0; i < count; i++) {
            values[i] = Math.abs(values[i]) + 0.5f;
        }
        toBits(small, count);
        noteRoom(bits, room, INFINITE_AS_HALF, count);
        roundToHalves(bits, small, count);
        return narrowed(count);
    }

    private static void noteRoom(int[] bits, int[] room, int infinite, int count) {
        for (int i = 0; i < count; i++) {
            room[i] |= infinite - 1 - (bits[i] & MAGNITUDE);
        }
    }

    private static void roundToHalves(int[] bits, int[] small, int count) {
        for (int i = 0; i < count; i++) {
            int magnitude = bits[i] & MAGNITUDE;
            int isSmall = magnitude - SMALLEST_NORMAL_HALF >> 31;
            int normal = magnitude - EXPONENTS + 0xfff + (magnitude >>> 13 & 1) >>> 13;
            bits[i] = bits[i] >>> 16 & SIGN_OF_HALF | normal & ~isSmall | small[i] - ONE_HALF & isSmall;
        }
    }

    /** The same as bfloat16. */
    short[] toBfloats(float[] numbers, int from, int count) {
        System.arraycopy(numbers, from, values, 0, count);
        toBits(bits, count);
        noteRoom(bits, room, INFINITE_AS_BFLOAT, count);
        roundToBfloats(bits, count);
        return narrowed(count);
    }

    private static void roundToBfloats(int[] bits, int count) {
        for (int i = 0; i < count; i++) {
            int number = bits[i];
            bits[i] = number + 0x7fff + (number >>> 16 & 1) >>> 16;
        }
    }

    private void toBits(int[] into, int count) {
        asFloats.put(0, values, 0, count);
        asInts.get(0, into, 0, count);
    }

    private short[] narrowed(int count) {
        for (int i = 0; i < count; i++) {
            halves[i] = (short) bits[i];
        }
        return halves;
    }

    /** Whether everything so far became a finite number. */
    boolean allFit() {
        int all = 0;
        for (int each : room) {
            all |= each;
        }
        return all >= 0;
    }
}

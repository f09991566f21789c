package io.doraxis.tensorfile;

import java.nio.ByteBuffer;

/**
 * Numbers as tensors' bytes: each is rounded once, from float64 or float32 to the type, to nearest even. What is too large
 * becomes infinite, as in torch; the 8-bit floats keep their largest value instead, F8_E4M3 of what is infinite too.
 */
public final class FloatEncoder {
    private static final double LARGEST_E4M3 = 448;
    private static final double LARGEST_E5M2 = 57_344;
    private static final int INFINITE_HALF = 0x7c00;

    private FloatEncoder() {}

    /** Whether {@link #encode} can write that type. */
    public static boolean encodes(Dtype dtype) {
        return switch (dtype) {
            case F64, F32, F16, BF16, F8_E4M3, F8_E5M2 -> true;
            default -> false;
        };
    }

    /**
     * Encodes values from a buffer's position on.
     *
     * @param data little-endian
     * @return how many values were too large for the type: finite ones, and infinite ones where it has no infinity
     * @throws IllegalArgumentException for a type that {@link #encodes} denies
     */
    public static int encode(Dtype dtype, double[] values, ByteBuffer data) {
        int tooLarge = 0;
        for (double value : values) {
            double written = switch (dtype) {
                case F64 -> put(data, value);
                case F32 -> put(data, (float) value);
                case BF16 -> putBfloat(data, (float) rounded(value, 7, -126));
                case F16 -> putHalf(data, rounded(value, 10, -14));
                case F8_E4M3 -> putE4m3(data, rounded(value, 3, -6));
                case F8_E5M2 -> putE5m2(data, rounded(value, 2, -14));
                default -> throw new IllegalArgumentException("not written: " + dtype);
            };
            boolean lost = Double.isFinite(value) || dtype == Dtype.F8_E4M3;
            tooLarge += Double.isInfinite(written) && lost ? 1 : 0;
        }
        return tooLarge;
    }

    /**
     * Encodes some of an array's values from a buffer's position on: the same bytes as their float64 would give.
     *
     * @param data little-endian
     * @return how many values were too large for the type, as above
     * @throws IllegalArgumentException for a type that {@link #encodes} denies
     */
    public static int encode(Dtype dtype, float[] values, int from, int count, ByteBuffer data) {
        if (dtype == Dtype.F32) {
            data.asFloatBuffer().put(values, from, count);
            data.position(data.position() + 4 * count);
            return 0;
        }
        int start = data.position();
        if ((dtype == Dtype.F16 || dtype == Dtype.BF16) && encodeFitting(dtype, values, from, count, data)) {
            return 0;
        }
        data.position(start);
        int tooLarge = 0;
        for (int done = 0; done < count; done += HalfLoops.CHUNK) {
            double[] doubles = new double[Math.min(HalfLoops.CHUNK, count - done)];
            for (int i = 0; i < doubles.length; i++) {
                doubles[i] = values[from + done + i];
            }
            tooLarge += encode(dtype, doubles, data);
        }
        return tooLarge;
    }

    /** Whether all numbers are in the range of the type: what is written is wrong otherwise. */
    private static boolean encodeFitting(Dtype dtype, float[] values, int from, int count, ByteBuffer data) {
        HalfLoops loops = new HalfLoops();
        for (int done = 0; done < count; done += HalfLoops.CHUNK) {
            int chunk = Math.min(HalfLoops.CHUNK, count - done);
            short[] halves = dtype == Dtype.F16
                    ? loops.toHalves(values, from + done, chunk)
                    : loops.toBfloats(values, from + done, chunk);
            data.asShortBuffer().put(halves, 0, chunk);
            data.position(data.position() + 2 * chunk);
        }
        return loops.allFit();
    }

    /** To that many bits of fraction, with the step of the smallest normal number below it. */
    private static double rounded(double value, int fractionBits, int smallestExponent) {
        if (!Double.isFinite(value)) {
            return value;
        }
        double step = powerOfTwo(Math.max(Math.getExponent(value), smallestExponent) - fractionBits);
        return Math.rint(value / step) * step;
    }

    /** Of an exponent that a normal double has. */
    private static double powerOfTwo(int exponent) {
        return Double.longBitsToDouble((long) (exponent + Double.MAX_EXPONENT) << 52);
    }

    private static double put(ByteBuffer data, double value) {
        data.putDouble(value);
        return value;
    }

    private static double put(ByteBuffer data, float value) {
        data.putFloat(value);
        return value;
    }

    private static double putBfloat(ByteBuffer data, float rounded) {
        short bits = Float.isNaN(rounded) ? 0x7fc0 : (short) (Float.floatToRawIntBits(rounded) >>> 16);
        data.putShort(bits);
        return rounded;
    }

    private static double putHalf(ByteBuffer data, double rounded) {
        int bits = halfBits(rounded);
        data.putShort((short) bits);
        return (bits & 0x7fff) == INFINITE_HALF ? Double.POSITIVE_INFINITY : rounded;
    }

    /** Of a number that a half has, but for the range. */
    private static int halfBits(double rounded) {
        double magnitude = Math.abs(rounded);
        int sign = Double.doubleToRawLongBits(rounded) < 0 ? 0x8000 : 0;
        if (Double.isNaN(rounded)) {
            return 0x7e00;
        }
        if (magnitude >= 0x1p16) {
            return sign | INFINITE_HALF;
        }
        if (magnitude < 0x1p-14) {
            return sign | (int) (magnitude * 0x1p24);
        }
        int exponent = Math.getExponent(magnitude);
        return sign | exponent + 15 << 10 | (int) (magnitude * powerOfTwo(10 - exponent)) & 0x3ff;
    }

    /** Its bits are the upper ones of a half. */
    private static double putE5m2(ByteBuffer data, double rounded) {
        boolean tooLarge = Math.abs(rounded) > LARGEST_E5M2 && Double.isFinite(rounded);
        double kept = tooLarge ? Math.copySign(LARGEST_E5M2, rounded) : rounded;
        data.put((byte) (halfBits(kept) >> 8));
        return tooLarge ? Double.POSITIVE_INFINITY : rounded;
    }

    private static double putE4m3(ByteBuffer data, double rounded) {
        boolean tooLarge = Math.abs(rounded) > LARGEST_E4M3;
        double magnitude = tooLarge ? LARGEST_E4M3 : Math.abs(rounded);
        int sign = Double.doubleToRawLongBits(rounded) < 0 ? 0x80 : 0;
        int bits;
        if (Double.isNaN(rounded)) {
            bits = 0x7f;
        } else if (magnitude < 0x1p-6) {
            bits = (int) (magnitude * 0x1p9);
        } else {
            int exponent = Math.getExponent(magnitude);
            bits = exponent + 7 << 3 | (int) (magnitude * powerOfTwo(3 - exponent)) & 7;
        }
        data.put((byte) (sign | bits));
        return tooLarge ? Double.POSITIVE_INFINITY : rounded;
    }
}

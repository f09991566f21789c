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
    private static final int INFINITE_FLOAT = 0x7f800000;

    /** 2^-14 as bits of a float. */
    private static final int SMALLEST_NORMAL_HALF = 113 << 23;

    /** Elements encoded at a time. */
    private static final int CHUNK = 4096;

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
        int tooLarge = 0;
        short[] halves = new short[Math.min(CHUNK, count)];
        for (int done = 0; done < count; done += CHUNK) {
            int chunk = Math.min(CHUNK, count - done);
            switch (dtype) {
                case F16 -> tooLarge += toHalves(values, from + done, halves, chunk);
                case BF16 -> tooLarge += toBfloats(values, from + done, halves, chunk);
                default -> {
                    double[] doubles = new double[chunk];
                    for (int i = 0; i < chunk; i++) {
                        doubles[i] = values[from + done + i];
                    }
                    tooLarge += encode(dtype, doubles, data);
                    continue;
                }
            }
            data.asShortBuffer().put(halves, 0, chunk);
            data.position(data.position() + 2 * chunk);
        }
        return tooLarge;
    }

    private static int toHalves(float[] values, int from, short[] halves, int count) {
        int infinite = 0;
        for (int i = 0; i < count; i++) {
            int bits = Float.floatToRawIntBits(values[from + i]);
            int magnitude = bits & 0x7fffffff;
            int half;
            if (magnitude >= SMALLEST_NORMAL_HALF && magnitude < INFINITE_FLOAT) {
                int rounded = magnitude - SMALLEST_NORMAL_HALF + 0xfff + (magnitude >>> 13 & 1) >>> 13;
                half = Math.min(rounded + (1 << 10), INFINITE_HALF);
                infinite += half == INFINITE_HALF ? 1 : 0;
            } else {
                half = smallOrNoNumber(magnitude);
            }
            halves[i] = (short) (bits >>> 16 & 0x8000 | half);
        }
        return infinite;
    }

    /** Below the normal halves, or infinite, or NaN: as bits of a float. */
    private static int smallOrNoNumber(int magnitude) {
        if (magnitude >= INFINITE_FLOAT) {
            return magnitude == INFINITE_FLOAT ? INFINITE_HALF : 0x7e00;
        }
        // the last bit of 0.5 is worth the last of a half: adding it rounds
        return Float.floatToRawIntBits(Float.intBitsToFloat(magnitude) + 0.5f) - Float.floatToRawIntBits(0.5f);
    }

    private static int toBfloats(float[] values, int from, short[] halves, int count) {
        int infinite = 0;
        for (int i = 0; i < count; i++) {
            int bits = Float.floatToRawIntBits(values[from + i]);
            int magnitude = bits & 0x7fffffff;
            if (magnitude > INFINITE_FLOAT) {
                halves[i] = 0x7fc0;
                continue;
            }
            int rounded = magnitude + 0x7fff + (magnitude >>> 16 & 1) >>> 16;
            infinite += rounded == INFINITE_FLOAT >>> 16 && magnitude < INFINITE_FLOAT ? 1 : 0;
            halves[i] = (short) (bits >>> 16 & 0x8000 | rounded);
        }
        return infinite;
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

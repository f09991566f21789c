package io.doraxis.tensorfile;

import java.nio.ByteBuffer;

/** Numbers as tensors' bytes: each is rounded once, from float64 to the type, to nearest even. */
public final class FloatEncoder {
    private FloatEncoder() {}

    /** Whether {@link #encode} can write that type. */
    public static boolean encodes(Dtype dtype) {
        return switch (dtype) {
            case F64, F32, F16, BF16 -> true;
            default -> false;
        };
    }

    /**
     * Encodes values from a buffer's position on. What is too large for the type becomes infinite.
     *
     * @param data little-endian
     * @return how many finite values became infinite
     * @throws IllegalArgumentException for a type that {@link #encodes} denies
     */
    public static int encode(Dtype dtype, double[] values, ByteBuffer data) {
        int overflows = 0;
        for (double value : values) {
            double written = switch (dtype) {
                case F64 -> put(data, value);
                case F32 -> put(data, (float) value);
                case BF16 -> putBfloat(data, (float) rounded(value, 7, -126));
                case F16 -> putHalf(data, rounded(value, 10, -14));
                default -> throw new IllegalArgumentException("not written: " + dtype);
            };
            overflows += Double.isInfinite(written) && Double.isFinite(value) ? 1 : 0;
        }
        return overflows;
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

    /** @param rounded a number that a half has, but for the range */
    private static double putHalf(ByteBuffer data, double rounded) {
        double magnitude = Math.abs(rounded);
        int sign = Double.doubleToRawLongBits(rounded) < 0 ? 0x8000 : 0;
        int bits;
        if (Double.isNaN(rounded)) {
            bits = 0x7e00;
        } else if (magnitude >= 0x1p16) {
            bits = 0x7c00;
        } else if (magnitude < 0x1p-14) {
            bits = (int) (magnitude * 0x1p24);
        } else {
            int exponent = Math.getExponent(magnitude);
            bits = exponent + 15 << 10 | (int) (magnitude * powerOfTwo(10 - exponent)) & 0x3ff;
        }
        data.putShort((short) (sign | bits));
        return magnitude >= 0x1p16 ? Double.POSITIVE_INFINITY : rounded;
    }
}

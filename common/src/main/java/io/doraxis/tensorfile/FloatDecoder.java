package io.doraxis.tensorfile;

import java.nio.ByteBuffer;

/**
 * Tensors' bytes as floats. Exact for F32, F16, BF16 and the 8-bit floats, of which every bit pattern is a float; F64 is
 * rounded to nearest.
 */
public final class FloatDecoder {
    private static final float[] E4M3 = table(FloatDecoder::e4m3);
    private static final float[] E5M2 = table(bits -> ElementValue.halfToFloat((short) (bits << 8)));

    /** Elements decoded at a time. */
    private static final int CHUNK = 4096;

    /** All of them: made when first needed, which is not by every program. */
    private static final class Halves {
        static final float[] VALUES = new float[1 << 16];

        static {
            for (int bits = 0; bits < VALUES.length; bits++) {
                VALUES[bits] = ElementValue.halfToFloat((short) bits);
            }
        }
    }

    private FloatDecoder() {}

    private interface Decode {
        float of(int bits);
    }

    private static float[] table(Decode decode) {
        float[] values = new float[256];
        for (int bits = 0; bits < 256; bits++) {
            values[bits] = decode.of(bits);
        }
        return values;
    }

    /** Four bits of exponent with bias 7, three of fraction; no infinity, NaN where all are set (OCP 8-bit, "fn"). */
    private static float e4m3(int bits) {
        int exponent = bits >> 3 & 0xf;
        int fraction = bits & 7;
        if (exponent == 0xf && fraction == 7) {
            return Float.NaN;
        }
        float magnitude = exponent == 0 ? fraction * 0x1p-9f : Math.scalb(1 + fraction / 8f, exponent - 7);
        return bits >> 7 == 0 ? magnitude : -magnitude;
    }

    /** Whether elements of that type are numbers that weights are made of. */
    public static boolean decodes(Dtype dtype) {
        return switch (dtype) {
            case F64, F32, F16, BF16, F8_E4M3, F8_E5M2 -> true;
            default -> false;
        };
    }

    /**
     * The elements from a buffer's position on, all of them exact.
     *
     * @param data little-endian
     * @throws IllegalArgumentException for a type that {@link #decodes} denies
     */
    public static double[] doubles(Dtype dtype, ByteBuffer data, int count) {
        double[] doubles = new double[count];
        if (dtype == Dtype.F64) {
            data.asDoubleBuffer().get(doubles);
            return doubles;
        }
        float[] floats = new float[count];
        decode(dtype, data, floats, count);
        for (int i = 0; i < count; i++) {
            doubles[i] = floats[i];
        }
        return doubles;
    }

    /**
     * Decodes elements from a buffer's position on.
     *
     * @param data little-endian
     * @param values of which the first {@code count} are filled
     * @throws IllegalArgumentException for a type that {@link #decodes} denies
     */
    public static void decode(Dtype dtype, ByteBuffer data, float[] values, int count) {
        switch (dtype) {
            case F64 -> {
                for (int i = 0; i < count; i++) {
                    values[i] = (float) data.getDouble();
                }
            }
            case F32 -> data.asFloatBuffer().get(values, 0, count);
            case F16, BF16 -> {
                short[] halves = new short[Math.min(CHUNK, count)];
                for (int done = 0; done < count; done += CHUNK) {
                    int chunk = Math.min(CHUNK, count - done);
                    data.asShortBuffer().get(halves, 0, chunk);
                    data.position(data.position() + 2 * chunk);
                    if (dtype == Dtype.F16) {
                        fromHalves(halves, values, done, chunk);
                    } else {
                        fromBfloats(halves, values, done, chunk);
                    }
                }
            }
            case F8_E4M3 -> {
                for (int i = 0; i < count; i++) {
                    values[i] = E4M3[data.get() & 0xff];
                }
            }
            case F8_E5M2 -> {
                for (int i = 0; i < count; i++) {
                    values[i] = E5M2[data.get() & 0xff];
                }
            }
            default -> throw new IllegalArgumentException("no floats: " + dtype);
        }
    }

    private static void fromHalves(short[] halves, float[] values, int to, int count) {
        float[] table = Halves.VALUES;
        for (int i = 0; i < count; i++) {
            values[to + i] = table[halves[i] & 0xffff];
        }
    }

    private static void fromBfloats(short[] halves, float[] values, int to, int count) {
        for (int i = 0; i < count; i++) {
            values[to + i] = Float.intBitsToFloat(halves[i] << 16);
        }
    }
}

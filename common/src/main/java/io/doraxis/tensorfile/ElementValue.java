package io.doraxis.tensorfile;

import java.nio.ByteBuffer;
import java.util.OptionalDouble;

/** Elements as numbers. Every value of the supported dtypes is exact in a double, but for integers over 2^53. */
public final class ElementValue {
    private ElementValue() {}

    /**
     * The element at that index.
     *
     * @param data little-endian bytes of the tensor
     * @return empty for a dtype that holds no single number, or one that nothing needs as a number yet
     */
    public static OptionalDouble read(Dtype dtype, ByteBuffer data, int index) {
        return switch (dtype) {
            case F64 -> OptionalDouble.of(data.getDouble(index * 8));
            case F32 -> OptionalDouble.of(data.getFloat(index * 4));
            case F16 -> OptionalDouble.of(halfToFloat(data.getShort(index * 2)));
            case BF16 -> OptionalDouble.of(Float.intBitsToFloat(data.getShort(index * 2) << 16));
            case I64 -> OptionalDouble.of(data.getLong(index * 8));
            case I32 -> OptionalDouble.of(data.getInt(index * 4));
            case I16 -> OptionalDouble.of(data.getShort(index * 2));
            case I8 -> OptionalDouble.of(data.get(index));
            case U8, BOOL -> OptionalDouble.of(data.get(index) & 0xff);
            default -> OptionalDouble.empty();
        };
    }

    /**
     * Whether any element is below zero; NaN and negative zero are not.
     *
     * @param data little-endian bytes of the tensor, all of them
     */
    public static boolean hasNegative(Dtype dtype, ByteBuffer data) {
        int width = dtype.bits() / 8;
        if (dtype == Dtype.BOOL || width == 0) {
            return false;
        }
        for (int last = width - 1; last < data.limit(); last += width) {
            if (data.get(last) < 0 && read(dtype, data, last / width).orElse(0) < 0) { // the sign is in the last byte
                return true;
            }
        }
        return false;
    }

    /** IEEE 754 binary16 to binary32: exact for every bit pattern. */
    static float halfToFloat(short half) {
        int sign = (half & 0x8000) << 16;
        int exponent = half >> 10 & 0x1f;
        int fraction = half & 0x3ff;
        if (exponent == 0) {
            float magnitude = fraction * 0x1p-24f; // zero or subnormal
            return sign == 0 ? magnitude : -magnitude;
        }
        int bits = exponent == 0x1f ? 0x7f800000 | fraction << 13 : (exponent + 112) << 23 | fraction << 13;
        return Float.intBitsToFloat(sign | bits);
    }
}

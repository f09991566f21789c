package io.doraxis.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class ElementValueTest {
    @Test
    void halvesAreExactForEveryBitPattern() {
        for (int bits = 0; bits < 0x10000; bits++) {
            float value = ElementValue.halfToFloat((short) bits);
            double expected = half(bits);
            if (Double.isNaN(expected)) {
                assertThat(value).isNaN();
            } else {
                assertThat(Double.doubleToRawLongBits(value))
                        .as("half 0x%04x", bits)
                        .isEqualTo(Double.doubleToRawLongBits(expected));
            }
        }
    }

    /** By the definition of IEEE 754: sign, five bits of exponent with bias 15, ten bits of fraction. */
    private static double half(int bits) {
        double sign = bits >>> 15 == 0 ? 1 : -1;
        int exponent = bits >>> 10 & 31;
        double fraction = (bits & 1023) / 1024.0;
        if (exponent == 31) {
            return fraction == 0 ? sign * Double.POSITIVE_INFINITY : Double.NaN;
        }
        return sign * (exponent == 0 ? fraction * Math.pow(2, -14) : (1 + fraction) * Math.pow(2, exponent - 15));
    }

    @Test
    void readsTheElementAtAnIndexOfEachNumericDtype() {
        assertThat(read(Dtype.F64, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf8, 0xbf))
                .hasValue(-1.5);
        assertThat(read(Dtype.F32, 1, 0, 0, 0, 0, 0, 0, 0xc0, 0xbf)).hasValue(-1.5);
        assertThat(read(Dtype.F16, 1, 0, 0, 0, 0xbe)).hasValue(-1.5);
        assertThat(read(Dtype.BF16, 1, 0, 0, 0xc0, 0xbf)).hasValue(-1.5);
        assertThat(read(Dtype.I64, 0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff))
                .hasValue(-2);
        assertThat(read(Dtype.I32, 0, 0xfe, 0xff, 0xff, 0xff)).hasValue(-2);
        assertThat(read(Dtype.I16, 0, 0xfe, 0xff)).hasValue(-2);
        assertThat(read(Dtype.I8, 1, 0, 0xfe)).hasValue(-2);
        assertThat(read(Dtype.U8, 1, 0, 0xfe)).hasValue(254);
        assertThat(read(Dtype.BOOL, 0, 1)).hasValue(1);
        assertThat(read(Dtype.F8_E4M3, 0, 1)).isEmpty();
        assertThat(read(Dtype.C64, 0, 0, 0, 0, 0, 0, 0, 0, 0)).isEmpty();
    }

    private static OptionalDouble read(Dtype dtype, int index, int... bytes) {
        ByteBuffer data = ByteBuffer.allocate(bytes.length).order(ByteOrder.LITTLE_ENDIAN);
        for (int value : bytes) {
            data.put((byte) value);
        }
        return ElementValue.read(dtype, data.flip().order(ByteOrder.LITTLE_ENDIAN), index);
    }

    @Test
    void onlyANumberBelowZeroIsNegative() {
        assertThat(hasNegative(Dtype.F32, 1f, 2f, -1e-30f)).isTrue();
        assertThat(hasNegative(Dtype.F32, 1f, -0f, Float.intBitsToFloat(0xffc00000)))
                .isFalse();
        assertThat(hasNegative(Dtype.U8, -1f)).isFalse();
        assertThat(hasNegative(Dtype.F4, -1f)).isFalse();
        assertThat(hasNegative(Dtype.F32)).isFalse();
    }

    private static boolean hasNegative(Dtype dtype, float... values) {
        ByteBuffer data = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        data.asFloatBuffer().put(values);
        return ElementValue.hasNegative(dtype, data);
    }
}

package io.doraxis.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.doraxis.fixtures.Resources;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tensors' bytes as floats. */
class FloatDecoderTest {
    private static float[] decode(Dtype dtype, byte[] bytes) {
        float[] values = new float[bytes.length * 8 / dtype.bits()];
        FloatDecoder.decode(dtype, ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN), values, values.length);
        return values;
    }

    @ParameterizedTest
    @CsvSource({"F8_E4M3, float8_e4m3fn", "F8_E5M2, float8_e5m2"})
    void everyPatternOfEightBitsIsTheFloatThatTorchMakesOfIt(Dtype dtype, String torchs) {
        byte[] patterns = new byte[256];
        for (int i = 0; i < 256; i++) {
            patterns[i] = (byte) i;
        }
        assertThat(decode(dtype, patterns)).isEqualTo(decode(Dtype.F32, Resources.bytes("torch/" + torchs + ".bin")));
    }

    @Test
    void everyPatternOfBfloatIsTheUpperHalfOfAFloat() {
        ByteBuffer patterns = ByteBuffer.allocate(2 << 16).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < 1 << 16; i++) {
            patterns.putShort((short) i);
        }
        float[] values = decode(Dtype.BF16, patterns.array());
        for (int i = 0; i < 1 << 16; i++) {
            assertThat(Float.floatToRawIntBits(values[i]) >>> 16 & 0xffbf).isEqualTo(i & 0xffbf); // but for quiet NaNs
        }
    }

    @Test
    void aDoubleIsRounded() {
        byte[] bytes = ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putDouble(0.1)
                .array();
        assertThat(decode(Dtype.F64, bytes)).containsExactly(0.1f);
    }

    @Test
    void whatIsNoFloatIsRefused() {
        assertThat(FloatDecoder.decodes(Dtype.I32)).isFalse();
        assertThatThrownBy(() -> decode(Dtype.I32, new byte[4])).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void doublesLoseNothing() {
        ByteBuffer data = ByteBuffer.allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putDouble(0.1)
                .putDouble(-1e300);
        assertThat(FloatDecoder.doubles(Dtype.F64, data.flip().order(ByteOrder.LITTLE_ENDIAN), 2))
                .containsExactly(0.1, -1e300);
        ByteBuffer half = ByteBuffer.allocate(2).order(ByteOrder.LITTLE_ENDIAN).putShort(0, (short) 0x3c01);
        assertThat(FloatDecoder.doubles(Dtype.F16, half, 1)).containsExactly(1 + 0x1p-10);
    }
}

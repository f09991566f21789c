package io.doraxis.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class FloatEncoderTest {
    private static ByteBuffer encoded(Dtype dtype, double... values) {
        ByteBuffer data = ByteBuffer.allocate(values.length * dtype.bits() / 8).order(ByteOrder.LITTLE_ENDIAN);
        FloatEncoder.encode(dtype, values, data);
        return data.flip().order(ByteOrder.LITTLE_ENDIAN);
    }

    private static int bits(Dtype dtype, double value) {
        return encoded(dtype, value).getShort() & 0xffff;
    }

    @ParameterizedTest
    @EnumSource(names = {"F16", "BF16"})
    void everyNumberOfAHalfComesBack(Dtype dtype) {
        IntStream.range(0, 1 << 16).forEach(pattern -> {
            ByteBuffer data =
                    ByteBuffer.allocate(2).order(ByteOrder.LITTLE_ENDIAN).putShort(0, (short) pattern);
            float value = (float) ElementValue.read(dtype, data, 0).orElseThrow();
            if (Float.isNaN(value)) {
                assertThat(ElementValue.read(dtype, encoded(dtype, value), 0).orElseThrow())
                        .isNaN();
            } else {
                assertThat(bits(dtype, value)).isEqualTo(pattern);
            }
        });
    }

    @Test
    void tiesGoToTheEvenNeighbour() {
        assertThat(bits(Dtype.BF16, 1 + 0x1p-8)).isEqualTo(0x3f80);
        assertThat(bits(Dtype.BF16, 1 + 0x3p-8)).isEqualTo(0x3f82);
        assertThat(bits(Dtype.F16, 1 + 0x1p-11)).isEqualTo(0x3c00);
        assertThat(bits(Dtype.F16, 0x1p-25)).isZero();
        assertThat(bits(Dtype.F16, 0x3p-25)).isEqualTo(2);
    }

    @Test
    void aNumberIsRoundedOnceAndNotByWayOfFloat32() {
        double abovehalf = 1 + 0x1p-8 + 0x1p-40; // float32 would make a tie of it
        assertThat(bits(Dtype.BF16, abovehalf)).isEqualTo(0x3f81);
    }

    @Test
    void whatIsTooLargeIsInfiniteAndCounted() {
        ByteBuffer data = ByteBuffer.allocate(10).order(ByteOrder.LITTLE_ENDIAN);
        double[] values = {65504, 65519.9, 65520, -1e9, Double.POSITIVE_INFINITY};
        assertThat(FloatEncoder.encode(Dtype.F16, values, data)).isEqualTo(2);
        assertThat(IntStream.range(0, 5).map(i -> data.getShort(2 * i) & 0xffff))
                .containsExactly(0x7bff, 0x7bff, 0x7c00, 0xfc00, 0x7c00);
        assertThat(bits(Dtype.BF16, 3.4e38)).isEqualTo(0x7f80);
    }

    @Test
    void typesThatAreNotWrittenAreRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> encoded(Dtype.I32, 1));
    }

    @ParameterizedTest
    @EnumSource(names = {"F8_E4M3", "F8_E5M2"})
    void everyNumberOfEightBitsComesBack(Dtype dtype) {
        float[] value = new float[1];
        IntStream.range(0, 1 << 8).forEach(pattern -> {
            FloatDecoder.decode(dtype, ByteBuffer.wrap(new byte[] {(byte) pattern}), value, 1);
            if (Float.isFinite(value[0])) {
                assertThat(encoded(dtype, value[0]).get() & 0xff).isEqualTo(pattern);
            }
        });
    }

    @Test
    void eightBitsKeepTheirLargestNumberInsteadOfWhatIsLarger() {
        ByteBuffer data = ByteBuffer.allocate(4);
        assertThat(FloatEncoder.encode(Dtype.F8_E4M3, new double[] {463.9, 465, -1e9, 448}, data))
                .isEqualTo(2);
        assertThat(data.array()).containsExactly(0x7e, 0x7e, 0xfe, 0x7e);
        assertThat(FloatEncoder.encode(Dtype.F8_E5M2, new double[] {57344, -70000}, data.clear()))
                .isEqualTo(1);
        assertThat(data.array()).startsWith(0x7b, 0xfb);
    }

    @Test
    void infinityStaysWhereTheTypeHasIt() {
        double[] infinite = {Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY};
        ByteBuffer data = ByteBuffer.allocate(2);
        assertThat(FloatEncoder.encode(Dtype.F8_E5M2, infinite, data)).isZero();
        assertThat(data.array()).containsExactly(0x7c, 0xfc);
        assertThat(FloatEncoder.encode(Dtype.F8_E4M3, infinite, data.clear())).isEqualTo(2);
        assertThat(data.array()).containsExactly(0x7e, 0xfe);
    }

    /** All that is special about halves, their neighbours, and many floats between. */
    private static float[] floats() {
        float[] values = new float[300_000];
        Random random = new Random(7);
        for (int i = 0; i < values.length; i++) {
            values[i] = Float.intBitsToFloat(random.nextInt());
        }
        for (int pattern = 0; pattern < 1 << 15; pattern++) {
            float half = ElementValue.halfToFloat((short) pattern);
            float between = half + (ElementValue.halfToFloat((short) (pattern + 1)) - half) / 2; // a tie
            values[3 * pattern] = half;
            values[3 * pattern + 1] = between;
            values[3 * pattern + 2] = -Math.nextUp(between);
        }
        return values;
    }

    /** Those that no type is too small for. */
    private static float[] smallFloats() {
        float[] values = floats();
        int count = 0;
        for (float value : values) {
            if (Math.abs(value) < 448) {
                values[count++] = value;
            }
        }
        return Arrays.copyOf(values, count);
    }

    static Stream<Arguments> typesAndFloats() {
        return Stream.of(Dtype.F32, Dtype.F16, Dtype.BF16, Dtype.F8_E4M3, Dtype.F8_E5M2)
                .flatMap(dtype -> Stream.of(arguments(dtype, floats()), arguments(dtype, smallFloats())));
    }

    @ParameterizedTest
    @MethodSource("typesAndFloats")
    void floatsGiveTheBytesOfTheirDoubles(Dtype dtype, float[] floats) {
        double[] doubles =
                IntStream.range(0, floats.length).mapToDouble(i -> floats[i]).toArray();
        ByteBuffer expected =
                ByteBuffer.allocate(floats.length * dtype.bits() / 8).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer actual = ByteBuffer.allocate(expected.capacity()).order(ByteOrder.LITTLE_ENDIAN);
        int tooLarge = FloatEncoder.encode(dtype, doubles, expected);
        assertThat(FloatEncoder.encode(dtype, floats, 0, floats.length, actual)).isEqualTo(tooLarge);
        assertThat(actual.position()).isEqualTo(expected.position());
        float[] wanted = new float[floats.length];
        float[] found = new float[floats.length];
        FloatDecoder.decode(dtype, expected.flip().order(ByteOrder.LITTLE_ENDIAN), wanted, wanted.length);
        FloatDecoder.decode(dtype, actual.flip().order(ByteOrder.LITTLE_ENDIAN), found, found.length);
        assertThat(found).isEqualTo(wanted);
    }
}

package io.doraxis.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TensorDataTest {
    private final byte[] head = {9, 9, 0, 0, (byte) 0x80, 0x3f, 0, 0, 0, 0x40};
    private final TensorData data = TensorData.ofHead(head, 10);

    @Test
    void aScalarWithinTheHeadIsRead() {
        assertThat(data.scalar(f32(Shape.of(), 2, 6))).hasValue(1);
        assertThat(data.scalar(f32(Shape.of(1), 6, 10))).hasValue(2);
    }

    @Test
    void aTensorBeyondTheHeadIsNot() {
        assertThat(data.scalar(f32(Shape.of(), 8, 12))).isEmpty();
        assertThat(data.bytes(f32(Shape.of(), 8, 12))).isEmpty();
        assertThat(TensorData.NONE.bytes(f32(Shape.of(), 2, 6))).isEmpty();
    }

    @Test
    void severalElementsAreNoScalar() {
        assertThat(data.scalar(f32(Shape.of(2), 2, 10))).isEmpty();
        assertThat(data.bytes(f32(Shape.of(2), 2, 10))).hasValueSatisfying(bytes -> {
            assertThat(bytes.remaining()).isEqualTo(8);
            assertThat(bytes.getFloat(4)).isEqualTo(2);
        });
    }

    private static TensorInfo f32(Shape shape, long begin, long end) {
        return new TensorInfo("t", Dtype.F32, shape, begin, end);
    }
}

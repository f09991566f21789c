package io.doraxis.dora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.Shape;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Row and column norms of a streamed weight. */
class WeightNormsTest {
    private static ByteArrayInputStream floats(float... values) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        for (float value : values) {
            bytes.putFloat(value);
        }
        return new ByteArrayInputStream(bytes.array());
    }

    @Test
    void ofALinearLayer() throws IOException {
        WeightNorms norms = WeightNorms.of(Shape.of(2, 3), Dtype.F32, floats(3, 4, 12, 0, 3, 5));

        assertThat(norms.rows()).containsExactly(13, (float) Math.sqrt(34));
        assertThat(norms.columns()).containsExactly(3, 5, 13);
    }

    @Test
    void ofAConvolutionTheKernelBelongsToBoth() throws IOException {
        WeightNorms norms = WeightNorms.of(Shape.of(1, 2, 1, 2), Dtype.F32, floats(3, 4, 0, 12));

        assertThat(norms.rows()).containsExactly(13);
        assertThat(norms.columns()).containsExactly(5, 12);
    }

    @Test
    void ofAWeightOfManyChunks() throws IOException {
        int out = 300;
        int in = 700;
        float[] values = new float[out * in];
        double[] rows = new double[out];
        double[] columns = new double[in];
        Random random = new Random(5);
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextInt(9) - 4;
            rows[i / in] += values[i] * values[i];
            columns[i % in] += values[i] * values[i];
        }
        WeightNorms norms = WeightNorms.of(Shape.of(out, in), Dtype.F32, floats(values));
        for (int i = 0; i < out; i++) {
            assertThat(norms.rows()[i]).isEqualTo((float) Math.sqrt(rows[i]));
        }
        for (int i = 0; i < in; i++) {
            assertThat(norms.columns()[i]).isEqualTo((float) Math.sqrt(columns[i]));
        }
    }

    @Test
    void aWeightThatEndsEarlyFails() {
        assertThatThrownBy(() -> WeightNorms.of(Shape.of(2, 3), Dtype.F32, floats(1, 2)))
                .hasMessage("the weight ends early");
    }

    @Test
    void vectorsIntegersAndNothingHaveNone() {
        assertThat(WeightNorms.has(Shape.of(3), Dtype.F32)).isFalse();
        assertThat(WeightNorms.has(Shape.of(3, 3), Dtype.I8)).isFalse();
        assertThat(WeightNorms.has(Shape.of(0, 3), Dtype.F32)).isFalse();
        assertThat(WeightNorms.has(Shape.of(1L << 40, 1), Dtype.F32)).isFalse();
        assertThat(WeightNorms.has(Shape.of(3, 3), Dtype.BF16)).isTrue();
    }
}

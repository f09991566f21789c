package io.doraxis.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ChangeTest {
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 1023, 1024, 1025, 20_000})
    void floatsMovedAsFarAsTheirDoubles(int count) {
        Random random = new Random(count);
        float[] before = new float[count + 3];
        float[] after = new float[count + 3];
        Arrays.fill(after, 1e30f); // what is beyond the count does not count
        double[] from = new double[count];
        double[] to = new double[count];
        for (int i = 0; i < count; i++) {
            from[i] = before[i] = (float) random.nextGaussian();
            to[i] = after[i] = before[i] + 0.01f * (float) random.nextGaussian();
        }
        Change expected = Change.between(from, to);
        Change found = Change.between(before, after, count);
        assertThat(found.max()).isEqualTo(expected.max(), within(1e-7 * expected.max()));
        assertThat(found.sum()).isEqualTo(expected.sum(), within(1e-6 * expected.sum()));
    }

    @Test
    void aLargeChangeIsFiniteIfItsElementsAre() {
        float[] before = new float[3000];
        float[] after = new float[3000];
        Arrays.fill(before, -Float.MAX_VALUE);
        Arrays.fill(after, Float.MAX_VALUE);
        double each = 2.0 * Float.MAX_VALUE;
        assertThat(Change.between(before, after, 3000)).isEqualTo(new Change(each, 3000 * each));
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void oneElementThatIsNoNumberIsSeenInTheSum(float value) {
        float[] before = new float[3000];
        float[] after = new float[3000];
        after[2100] = value;
        assertThat(Change.between(before, after, 3000).sum()).isNotFinite();
    }
}

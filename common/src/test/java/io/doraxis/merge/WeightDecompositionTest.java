package io.doraxis.merge;

import static io.doraxis.dora.ModuleAxis.INPUT;
import static io.doraxis.dora.ModuleAxis.OUTPUT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;

class WeightDecompositionTest {
    /** [2, 2, 2]: two outputs, two inputs, a kernel of two. */
    private static final Matrix CONVOLUTION = new Matrix(2, 4, new double[] {3, 0, 0, 5, 0, 4, 12, 0});

    @Test
    void theOutputAxisHasANormForEachRow() {
        assertThat(WeightDecomposition.norms(CONVOLUTION, OUTPUT, 2)).containsExactly(Math.sqrt(34), Math.sqrt(160));
    }

    @Test
    void theInputAxisHasANormForEachInputOverRowsAndKernel() {
        assertThat(WeightDecomposition.norms(CONVOLUTION, INPUT, 2)).containsExactly(5, 13);
    }

    @Test
    void theDirectionIsScaledToTheMagnitude() {
        Matrix weight = WeightDecomposition.of(CONVOLUTION, new double[] {10, 26}, INPUT, 2, 0);
        assertThat(weight.values()).containsExactly(6, 0, 0, 10, 0, 8, 24, 0);
    }

    @Test
    void aZeroNormGivesZeroWithLycorisEpsilonAndNoNumberWithout() {
        Matrix zero = new Matrix(1, 2, new double[2]);
        double[] magnitude = {1};
        assertThat(WeightDecomposition.of(zero, magnitude, OUTPUT, 1, WeightDecomposition.LYCORIS_EPSILON)
                        .values())
                .containsExactly(0, 0);
        assertThat(WeightDecomposition.of(zero, magnitude, OUTPUT, 1, 0).values())
                .containsExactly(Double.NaN, Double.NaN);
    }

    @Test
    void aMagnitudeOfTheOtherAxisIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> WeightDecomposition.of(CONVOLUTION, new double[3], INPUT, 2, 0))
                .withMessage("3 magnitudes for 2 norms");
    }
}

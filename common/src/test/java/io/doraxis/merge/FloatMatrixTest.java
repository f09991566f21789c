package io.doraxis.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FloatMatrixTest {
    /** [2, 3] behind an element that is none of its own. */
    private static final FloatMatrix WIDE = new FloatMatrix(new float[] {9, 1, 2, 3, 4, 5, 6, 9}, 1, 2, 3);

    @ParameterizedTest
    @CsvSource({"1, 1", "1, 70", "70, 1", "32, 32", "33, 65", "0, 5"})
    void aTransposeHasEveryElementInItsPlace(int rows, int columns) {
        FloatMatrix matrix = FloatMatrix.zeros(rows, columns);
        for (int i = 0; i < matrix.values().length; i++) {
            matrix.values()[i] = i;
        }
        FloatMatrix transposed = matrix.transposed();
        assertThat(transposed)
                .extracting(FloatMatrix::rows, FloatMatrix::columns)
                .containsExactly(columns, rows);
        for (int i = 0; i < matrix.values().length; i++) {
            assertThat(transposed.values()[i % columns * rows + i / columns]).isEqualTo(i);
        }
    }

    @Test
    void apartOfAnArrayIsAMatrixOfItsOwn() {
        assertThat(WIDE.transposed().values()).containsExactly(1, 4, 2, 5, 3, 6);
        assertThat(WIDE.copy().values()).containsExactly(1, 2, 3, 4, 5, 6);
        assertThat(WIDE.squaredNorm()).isEqualTo(91);
        assertThat(WIDE.rowRange(1, 1).squaredNorm()).isEqualTo(77);
        assertThat(WIDE.minus(WIDE.copy()).values()).containsOnly(0);
        assertThat(WIDE.minus(FloatMatrix.zeros(2, 3)).values()).containsExactly(1, 2, 3, 4, 5, 6);
    }

    @Test
    void aSquareOfALargeNumberIsOneInFloat64() {
        assertThat(new FloatMatrix(new float[] {0x1p100f, 1}, 1, 2).squaredNorm())
                .isEqualTo(0x1p200);
    }

    @Test
    void shapesThatDoNotFitAreNamed() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> WIDE.minus(WIDE.transposed()))
                .withMessage("[2, 3] and [3, 2]");
    }
}

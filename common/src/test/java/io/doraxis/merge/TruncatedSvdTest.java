package io.doraxis.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TruncatedSvdTest {
    private static final TensorKernel KERNEL = new JavaKernel();

    /** Singular values 1, fall, fall^2, ... along signs of Walsh's, which are orthogonal: known without a decomposition. */
    private static FloatMatrix falling(int rows, int columns, double fall) {
        int count = Math.min(rows, columns);
        Matrix matrix = Matrix.zeros(rows, columns);
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                for (int i = 0; i < count; i++) {
                    matrix.add(row, column, Math.pow(fall, i) * walsh(i, row, rows) * walsh(i, column, columns));
                }
            }
        }
        return FloatMatrix.of(matrix);
    }

    /** Of a size that is a power of two. */
    private static double walsh(int vector, int element, int size) {
        return (Integer.bitCount(vector & element) % 2 == 0 ? 1 : -1) / Math.sqrt(size);
    }

    private static FloatMatrix random(int rows, int columns) {
        Random random = new Random(rows + columns);
        FloatMatrix matrix = FloatMatrix.zeros(rows, columns);
        for (int i = 0; i < matrix.values().length; i++) {
            matrix.values()[i] = (float) random.nextGaussian();
        }
        return matrix;
    }

    /** In float64: the norm of what the factors leave of a matrix. */
    private static double distance(FloatMatrix matrix, FloatMatrix left, FloatMatrix right) {
        double square = 0;
        for (int row = 0; row < matrix.rows(); row++) {
            for (int column = 0; column < matrix.columns(); column++) {
                double value = matrix.values()[row * matrix.columns() + column];
                for (int i = 0; i < right.rows(); i++) {
                    value -= (double) left.values()[row * left.columns() + i]
                            * right.values()[i * right.columns() + column];
                }
                square += value * value;
            }
        }
        return Math.sqrt(square);
    }

    private static double distance(FloatMatrix matrix, TruncatedSvd svd, int rank) {
        return distance(matrix, svd.left(rank), svd.right(rank));
    }

    /** What a truncation at a rank must leave of {@link #falling}. */
    private static double rest(double fall, int rank, int count) {
        double square = 0;
        for (int i = rank; i < count; i++) {
            square += Math.pow(fall, 2 * i);
        }
        return Math.sqrt(square);
    }

    @ParameterizedTest
    @CsvSource({"64, 64, 0.9", "32, 128, 0.8", "128, 32, 0.8", "64, 64, 0.5"})
    void everyRankIsWithinHalfAPercentOfTheBest(int rows, int columns, double fall) {
        FloatMatrix matrix = falling(rows, columns, fall);
        TruncatedSvd svd = TruncatedSvd.of(matrix, 16, KERNEL);
        for (int rank = 1; rank <= 16; rank++) {
            double best = rest(fall, rank, Math.min(rows, columns));
            assertThat(distance(matrix, svd, rank)).isBetween(best * 0.9999, best * 1.005);
        }
    }

    @Test
    void theRankForANormIsTheLeast() {
        TruncatedSvd svd = TruncatedSvd.of(falling(64, 64, 0.8), 16, KERNEL);
        for (int rank = 1; rank <= 16; rank++) {
            assertThat(svd.rankWithin(rest(0.8, rank, 64) * 1.001)).isEqualTo(rank);
        }
        assertThat(svd.rankWithin(rest(0.8, 16, 64) * 0.99)).isGreaterThan(16);
        assertThat(svd.rankWithin(0)).isGreaterThan(16);
        assertThat(svd.rankWithin(100)).isEqualTo(1);
    }

    @Test
    void bothFactorsShareTheSingularValue() {
        TruncatedSvd svd = TruncatedSvd.of(falling(64, 64, 0.5), 3, KERNEL);
        for (int i = 0; i < 3; i++) {
            assertThat(svd.right(3).rowRange(i, 1).squaredNorm()).isCloseTo(Math.pow(0.5, i), within(1e-5));
            assertThat(svd.left(3).transposed().rowRange(i, 1).squaredNorm()).isCloseTo(Math.pow(0.5, i), within(1e-5));
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "1, 37", "37, 1", "5, 9", "24, 24", "40, 17"})
    void atFullRankOnlyRoundingIsLeft(int rows, int columns) {
        FloatMatrix matrix = random(rows, columns);
        int rank = Math.min(rows, columns);
        TruncatedSvd svd = TruncatedSvd.of(matrix, 1000, KERNEL);
        assertThat(distance(matrix, svd, rank)).isLessThan(2e-6 * Math.sqrt(matrix.squaredNorm()));
        assertThat(distance(matrix, svd, rank + 3)).isEqualTo(distance(matrix, svd, rank));
    }

    @Test
    void aMatrixOfALowRankIsFoundWhole() {
        FloatMatrix left = random(50, 3);
        FloatMatrix right = random(3, 70);
        FloatMatrix matrix = FloatMatrix.zeros(50, 70);
        KERNEL.addProduct(matrix, 1, left, right);
        TruncatedSvd svd = TruncatedSvd.of(matrix, 20, KERNEL);
        double norm = Math.sqrt(matrix.squaredNorm());
        assertThat(svd.rankWithin(1e-4 * norm)).isEqualTo(3);
        assertThat(distance(matrix, svd, 3)).isLessThan(1e-6 * norm);
        assertThat(distance(matrix, svd, 20)).isLessThan(1e-6 * norm);
    }

    @Test
    void ofZerosTheFactorsAreZeros() {
        TruncatedSvd svd = TruncatedSvd.of(FloatMatrix.zeros(8, 6), 4, KERNEL);
        assertThat(svd.rankWithin(0)).isEqualTo(1);
        assertThat(svd.left(2).values()).containsOnly(0).hasSize(16);
        assertThat(svd.right(2).values()).containsOnly(0).hasSize(12);
    }

    @Test
    void aNearMatrixTakesOneIterationMore() {
        FloatMatrix matrix = falling(64, 64, 0.9);
        FloatMatrix near = matrix.minus(falling(64, 64, 0.5));
        TruncatedSvd svd = TruncatedSvd.rough(matrix, 16, KERNEL).near(near, 8, KERNEL);
        double best = distance(near, TruncatedSvd.of(near, 40, KERNEL), 8);
        assertThat(distance(near, svd, 8)).isBetween(best * 0.9999, best * 1.01);
    }

    @Test
    void theSameMatrixGivesTheSameBits() {
        FloatMatrix matrix = random(33, 65);
        TruncatedSvd one = TruncatedSvd.of(matrix, 8, KERNEL);
        TruncatedSvd other = TruncatedSvd.of(matrix.copy(), 8, new JavaKernel());
        assertThat(one.left(8).values()).isEqualTo(other.left(8).values());
        assertThat(one.right(8).values()).isEqualTo(other.right(8).values());
    }
}

package io.doraxis.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SymmetricEigenTest {
    @Test
    void theLargestValueComesFirst() {
        SymmetricEigen eigen = SymmetricEigen.of(new double[][] {{2, 1}, {1, 2}});
        assertThat(eigen.values()).containsExactly(new double[] {3, 1}, within(1e-15));
        assertThat(eigen.vectors()[0][0]).isCloseTo(eigen.vectors()[0][1], within(1e-15));
        assertThat(eigen.vectors()[1][0]).isCloseTo(-eigen.vectors()[1][1], within(1e-15));
    }

    @Test
    void aDiagonalIsSorted() {
        SymmetricEigen eigen = SymmetricEigen.of(new double[][] {{1, 0, 0}, {0, 0, 0}, {0, 0, 4}});
        assertThat(eigen.values()).containsExactly(4, 1, 0);
        assertThat(eigen.vectors()).isDeepEqualTo(new double[][] {{0, 0, 1}, {1, 0, 0}, {0, 0, 0}});
    }

    @Test
    void nothingHasNoValues() {
        assertThat(SymmetricEigen.of(new double[0][0]).values()).isEmpty();
    }

    @Test
    void whatIsNoNumberEndsTheSearch() {
        assertThat(SymmetricEigen.of(new double[][] {{Double.NaN, 1}, {1, 2}}).values())
                .contains(Double.NaN);
    }

    /** Of a spectrum that falls by half from one to the next: over 2^-40 of the largest, all are right. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 10, 40})
    void vectorsTimesValuesGiveTheMatrix(int size) {
        Random random = new Random(size);
        double[][] orthonormal = new double[size][];
        for (int i = 0; i < size; i++) {
            orthonormal[i] = random.doubles(size, -1, 1).toArray();
            for (int pass = 0; pass < 2; pass++) {
                for (int j = 0; j < i; j++) {
                    addScaled(orthonormal[i], -dot(orthonormal[i], orthonormal[j]), orthonormal[j]);
                }
            }
            double norm = Math.sqrt(dot(orthonormal[i], orthonormal[i]));
            addScaled(orthonormal[i], 1 / norm - 1, orthonormal[i].clone());
        }
        double[][] matrix = new double[size][size];
        for (int i = 0; i < size; i++) {
            for (int row = 0; row < size; row++) {
                addScaled(matrix[row], Math.pow(0.5, i) * orthonormal[i][row], orthonormal[i]);
            }
        }
        SymmetricEigen eigen = SymmetricEigen.of(matrix);
        for (int i = 0; i < size; i++) {
            assertThat(eigen.values()[i]).isCloseTo(Math.pow(0.5, i), within(1e-14 + Math.pow(0.5, i) * 1e-9));
            double least = i < 30 ? 1 - 1e-5 : 0.5;
            assertThat(Math.abs(dot(eigen.vectors()[i], orthonormal[i])))
                    .as("vector %d", i)
                    .isGreaterThan(least);
        }
    }

    private static double dot(double[] one, double[] other) {
        double sum = 0;
        for (int i = 0; i < one.length; i++) {
            sum += one[i] * other[i];
        }
        return sum;
    }

    private static void addScaled(double[] sum, double factor, double[] values) {
        for (int i = 0; i < sum.length; i++) {
            sum[i] += factor * values[i];
        }
    }
}

package io.doraxis.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class MatrixTest {
    private static final Matrix WIDE = new Matrix(2, 3, new double[] {1, 2, 3, 4, 5, 6});

    @Test
    void aProductSumsOverTheInnerDimension() {
        assertThat(WIDE.times(WIDE.transposed()).values()).containsExactly(14, 32, 32, 77);
    }

    @Test
    void aKroneckerProductHasABlockForEachElement() {
        Matrix product = new Matrix(1, 2, new double[] {10, 100}).kronecker(new Matrix(2, 1, new double[] {1, 2}));
        assertThat(product).extracting(Matrix::rows, Matrix::columns).containsExactly(2, 2);
        assertThat(product.values()).containsExactly(10, 100, 20, 200);
    }

    @Test
    void anInverseIsFoundWhereThePivotIsZero() {
        Matrix swap = new Matrix(2, 2, new double[] {0, 2, 4, 1});
        assertThat(swap.times(swap.inverse()).values()).containsExactly(new double[] {1, 0, 0, 1}, within(1e-15));
    }

    @Test
    void shapesThatDoNotFitAreNamed() {
        assertThatIllegalArgumentException().isThrownBy(() -> WIDE.times(WIDE)).withMessage("[2, 3] x [2, 3]");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> WIDE.plus(WIDE.transposed()))
                .withMessage("[2, 3] and [3, 2]");
    }
}

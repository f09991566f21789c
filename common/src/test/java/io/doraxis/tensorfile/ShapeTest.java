package io.doraxis.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ShapeTest {
    @Test
    void aScalarHasOneElementAndNoDimension() {
        assertThat(Shape.of().rank()).isZero();
        assertThat(Shape.of().elements()).isEqualTo(1);
        assertThat(Shape.of().dimOrOne(0)).isEqualTo(1);
        assertThat(Shape.of()).hasToString("[]");
    }

    @Test
    void elementsAreTheProductOfTheDimensions() {
        assertThat(Shape.of(2, 3, 4).elements()).isEqualTo(24);
        assertThat(Shape.of(5, 0, 7).elements()).isZero();
        assertThat(Shape.of(0, -1).elements()).isZero();
        assertThat(Shape.of(1L << 62, 4, 0).elements()).isZero();
    }

    @Test
    void elementsBeyondASignedLongAreNotCounted() {
        assertThat(Shape.of(Long.MAX_VALUE).elements()).isEqualTo(Long.MAX_VALUE);
        assertThat(Shape.of(1L << 62, 2).elements()).isEqualTo(-1);
        assertThat(Shape.of(1L << 32, 1L << 32).elements()).isEqualTo(-1);
        assertThat(Shape.of(-1).elements()).isEqualTo(-1);
    }

    @Test
    void dimensionsArePrintedAsUnsigned() {
        assertThat(Shape.of(0, -1)).hasToString("[0, 18446744073709551615]");
    }

    @Test
    void shapesAreEqualByTheirDimensions() {
        assertThat(Shape.of(1, 2)).isEqualTo(Shape.of(1, 2)).hasSameHashCodeAs(Shape.of(1, 2));
        assertThat(Shape.of(1, 2)).isNotEqualTo(Shape.of(2, 1)).isNotEqualTo(Shape.of(1, 2, 1));
        assertThat(Shape.of(1, 2).equals(null)).isFalse();
    }

    @Test
    void theArrayIsACopy() {
        Shape shape = Shape.of(4, 5);
        shape.toArray()[0] = 9;
        assertThat(shape.dim(0)).isEqualTo(4);
    }

    @Test
    void aKernelIsWhatFollowsTheFirstTwoDimensions() {
        assertThat(Shape.of(8, 4, 3, 1).from(2)).isEqualTo(Shape.of(3, 1));
        assertThat(Shape.of(8, 4).from(2)).isEqualTo(Shape.of());
        assertThat(Shape.of(8).from(2)).isEqualTo(Shape.of());
    }

    @Test
    void dimensionsOtherThanOneAreCounted() {
        assertThat(Shape.of(1, 64, 1, 1).nonUnitDims()).isEqualTo(1);
        assertThat(Shape.of(1, 1).nonUnitDims()).isZero();
        assertThat(Shape.of(0, 2).nonUnitDims()).isEqualTo(2);
    }
}

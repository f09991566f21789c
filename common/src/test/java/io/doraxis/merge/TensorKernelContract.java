package io.doraxis.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What every {@link TensorKernel} must do: each implementation has a test class that extends this one. */
public abstract class TensorKernelContract {
    /** Half a unit in the last place of float32, relative to the number. */
    private static final double ROUNDING = 0x1p-24;

    private TensorKernel kernel;

    /** A kernel as a merge opens it. */
    protected abstract TensorKernel open();

    /**
     * How many roundings to float32 an element may have gone through. Its error is at most as many times 2^-24 of the sum
     * of the magnitudes of what is added up in it.
     */
    protected int roundings(int inner) {
        return inner + 3; // by the scale, of each product, of each sum
    }

    @BeforeEach
    final void openKernel() {
        kernel = open();
    }

    @AfterEach
    final void closeKernel() {
        kernel.close();
    }

    /** A product with all that it takes. */
    private record Product(FloatMatrix sum, float scale, FloatMatrix left, FloatMatrix right) {
        /** With random numbers about 1. */
        static Product random(int rows, int inner, int columns) {
            Random random = new Random(31L * (31L * rows + inner) + columns);
            return new Product(
                    random(random, rows, columns), 0.75f, random(random, rows, inner), random(random, inner, columns));
        }

        private static FloatMatrix random(Random random, int rows, int columns) {
            float[] values = new float[rows * columns];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextGaussian();
            }
            return new FloatMatrix(values, rows, columns);
        }

        /** The same number everywhere. */
        static Product of(int rows, int inner, int columns, double sum, double scale, double left, double right) {
            return new Product(
                    filled(rows, columns, sum),
                    (float) scale,
                    filled(rows, inner, left),
                    filled(inner, columns, right));
        }

        private static FloatMatrix filled(int rows, int columns, double value) {
            float[] values = new float[rows * columns];
            Arrays.fill(values, (float) value);
            return new FloatMatrix(values, rows, columns);
        }

        Product copy() {
            return new Product(copy(sum), scale, copy(left), copy(right));
        }

        private static FloatMatrix copy(FloatMatrix matrix) {
            return new FloatMatrix(matrix.values().clone(), matrix.offset(), matrix.rows(), matrix.columns());
        }

        /** The product in float64; or, of the magnitudes of everything, what errors are held against. */
        double exact(int row, int column, boolean ofMagnitudes) {
            double product = 0;
            for (int inner = 0; inner < left.columns(); inner++) {
                double term = (double) at(left, row, inner) * at(right, inner, column);
                product += ofMagnitudes ? Math.abs(term) : term;
            }
            float before = at(sum, row, column);
            return ofMagnitudes ? Math.abs(before) + Math.abs(scale) * product : before + scale * product;
        }
    }

    private static float at(FloatMatrix matrix, int row, int column) {
        return matrix.values()[matrix.offset() + row * matrix.columns() + column];
    }

    private static void set(FloatMatrix matrix, int row, int column, float value) {
        matrix.values()[matrix.offset() + row * matrix.columns() + column] = value;
    }

    private static FloatMatrix computed(TensorKernel kernel, Product product) {
        Product own = product.copy();
        kernel.addProduct(own.sum, own.scale, own.left, own.right);
        return own.sum;
    }

    private FloatMatrix computed(Product product) {
        return computed(kernel, product);
    }

    private void isRight(Product product) {
        isRight(product, computed(product));
    }

    private void isRight(Product product, FloatMatrix computed) {
        for (int row = 0; row < computed.rows(); row++) {
            for (int column = 0; column < computed.columns(); column++) {
                double error = Math.abs(at(computed, row, column) - product.exact(row, column, false));
                double most = roundings(product.left.columns()) * ROUNDING * product.exact(row, column, true);
                if (!(error <= most)) {
                    throw new AssertionError("[%d, %d] of [%d, %d] x [%d, %d] is %g for %g: %g off, at most %g"
                            .formatted(
                                    row,
                                    column,
                                    product.left.rows(),
                                    product.left.columns(),
                                    product.right.rows(),
                                    product.right.columns(),
                                    at(computed, row, column),
                                    product.exact(row, column, false),
                                    error,
                                    most));
                }
            }
        }
    }

    private void isEverywhere(double expected, Product product) {
        for (float value : computed(product).values()) {
            is(value, (float) expected);
        }
    }

    /** Where NaN is NaN, and a zero is one whatever its sign. */
    private static void is(float value, float expected) {
        if (value != expected && !(Float.isNaN(value) && Float.isNaN(expected))) {
            throw new AssertionError(value + " for " + expected);
        }
    }

    @Test
    void productsOfOddShapesAreThoseInFloat64() {
        int[][] shapes = {
            {1, 1, 1},
            {1, 1, 100},
            {100, 1, 1},
            {1, 100, 1},
            {1, 64, 257},
            {257, 64, 1},
            {2, 3, 5},
            {7, 11, 13},
            {31, 37, 41},
            {127, 61, 131},
            {3, 70, 1031},
            {51, 32, 1280},
            {17, 320, 640},
            {64, 64, 64}
        };
        for (int[] shape : shapes) {
            isRight(Product.random(shape[0], shape[1], shape[2]));
        }
    }

    @Test
    void productsOfEveryInnerSizeAreThoseInFloat64() {
        for (int inner = 1; inner <= 70; inner++) {
            isRight(Product.random(5, inner, 37));
        }
    }

    @Test
    void matricesMayLieInsideLargerArrays() {
        Product plain = Product.random(7, 19, 23);
        Product inside = new Product(inside(plain.sum, 3), plain.scale, inside(plain.left, 5), inside(plain.right, 11));
        FloatMatrix sum = computed(inside);
        isRight(inside, sum);
        assertThat(Arrays.copyOfRange(sum.values(), 3, 3 + 7 * 23))
                .isEqualTo(computed(plain).values());
        for (int i = 0; i < sum.values().length; i++) {
            assertThat(Float.isNaN(sum.values()[i])).as("element %d", i).isEqualTo(i < 3 || i >= 3 + 7 * 23);
        }
    }

    /** With {@code offset} times NaN before it and after it. */
    private static FloatMatrix inside(FloatMatrix matrix, int offset) {
        float[] values = new float[matrix.values().length + 2 * offset];
        Arrays.fill(values, Float.NaN);
        System.arraycopy(matrix.values(), 0, values, offset, matrix.values().length);
        return new FloatMatrix(values, offset, matrix.rows(), matrix.columns());
    }

    @Test
    void theFactorsStayAsTheyAre() {
        Product product = Product.random(9, 10, 11);
        Product used = product.copy();
        kernel.addProduct(used.sum, used.scale, used.left, used.right);
        assertThat(used.left.values()).isEqualTo(product.left.values());
        assertThat(used.right.values()).isEqualTo(product.right.values());
    }

    @Test
    void theFactorsMayBeOneArray() {
        FloatMatrix square = Product.random(12, 12, 12).left;
        FloatMatrix sum = FloatMatrix.zeros(12, 12);
        kernel.addProduct(sum, 1, square, square);
        isRight(new Product(FloatMatrix.zeros(12, 12), 1, square, square), sum);
    }

    @Test
    void withoutRowsColumnsOrTermsNothingHappens() {
        int[][] shapes = {{0, 3, 4}, {3, 4, 0}, {3, 0, 4}, {0, 0, 0}};
        for (int[] shape : shapes) {
            Product product = Product.random(shape[0], shape[1], shape[2]);
            assertThat(computed(product).values()).isEqualTo(product.sum.values());
        }
    }

    @Test
    void rowsOfZerosAddNothing() {
        Product product = Product.random(6, 33, 50);
        for (int inner = 0; inner < 33; inner++) {
            set(product.left, 2, inner, 0);
            set(product.left, 5, inner, -0f);
        }
        FloatMatrix sum = computed(product);
        for (int column = 0; column < 50; column++) {
            is(at(sum, 2, column), at(product.sum, 2, column));
            is(at(sum, 5, column), at(product.sum, 5, column));
        }
        isRight(product, sum);
    }

    @Test
    void whatIsZeroStaysZero() {
        isEverywhere(0, Product.of(3, 17, 40, 0, 1, 0, 5));
        isEverywhere(0, Product.of(3, 17, 40, 0, 0, 3, 5));
    }

    @Test
    void subnormalNumbersAreKept() {
        isEverywhere(0x1p-149, Product.of(4, 1, 33, 0, 1, 0x1p-100, 0x1p-49));
        isEverywhere(0x1p-140, Product.of(4, 8, 33, 0, 1, 0x1p-143, 1));
        isEverywhere(0x1p-137, Product.of(4, 16, 33, 0, 1, 0x1p-100, 0x1p-41));
        isEverywhere(0x1p-21, Product.of(4, 2, 33, 0, 1, 0x1p-149, 0x1p127));
        isEverywhere(0x1p-148, Product.of(4, 1, 33, 0x1p-149, 1, 0x1p-100, 0x1p-49));
        isEverywhere(0x1p-130, Product.of(4, 16, 33, 0x1p-130, 1, 0, 1));
    }

    @Test
    void hugeNumbersDoNotOverflowOnTheWay() {
        isEverywhere(0x1p127, Product.of(4, 1, 33, 0, 1, 0x1p100, 0x1p27));
        isEverywhere(0x1p127, Product.of(4, 16, 33, 0, 1, 0x1p100, 0x1p23));
        isEverywhere(0x1p126, Product.of(4, 1, 33, -0x1p126, 1, 0x1p100, 0x1p27));
        isEverywhere(0x1p120, Product.of(4, 1, 33, 0, 0x1p-20, 0x1p100, 0x1p40));
        isEverywhere(0x1p125, Product.of(4, 32, 33, 0, 0x1p-20, 0x1p100, 0x1p40));
        isEverywhere(0x1p110, Product.of(4, 1, 33, 0, 0x1p20, 0x1p120, 0x1p-30));
        isEverywhere(-0x1p115, Product.of(4, 32, 33, 0, -0x1p20, 0x1p120, 0x1p-30));
    }

    @Test
    void whatIsTooLargeIsInfinite() {
        isEverywhere(Double.POSITIVE_INFINITY, Product.of(3, 9, 20, 0, 1, 0x1p127, 0x1p10));
        isEverywhere(Double.NEGATIVE_INFINITY, Product.of(3, 9, 20, 0, -1, 0x1p127, 0x1p10));
        isEverywhere(Double.POSITIVE_INFINITY, Product.of(3, 1, 20, 0x1.8p127, 1, 0x1p127, 1));
    }

    @Test
    void notANumberOfTheLeftFactorStaysInItsRow() {
        for (float scale : new float[] {1, 0, 4}) {
            Product clean = Product.random(5, 21, 40);
            Product product = new Product(clean.sum, scale, clean.left, clean.right);
            FloatMatrix before = computed(product);
            set(product.left, 3, 20, Float.NaN);
            FloatMatrix sum = computed(product);
            for (int row = 0; row < 5; row++) {
                for (int column = 0; column < 40; column++) {
                    float expected = row == 3 ? Float.NaN : at(before, row, column);
                    is(at(sum, row, column), expected);
                }
            }
        }
    }

    @Test
    void notANumberOfTheRightFactorStaysInItsColumn() {
        Product product = Product.random(5, 21, 40);
        set(product.left, 4, 20, 0);
        FloatMatrix before = computed(product);
        set(product.right, 20, 39, Float.NaN);
        FloatMatrix sum = computed(product);
        for (int row = 0; row < 5; row++) {
            for (int column = 0; column < 40; column++) {
                float expected = column == 39 ? Float.NaN : at(before, row, column);
                is(at(sum, row, column), expected);
            }
        }
    }

    @Test
    void notANumberOfTheSumStaysWhereItIs() {
        Product product = Product.random(5, 21, 40);
        FloatMatrix before = computed(product);
        set(product.sum, 0, 7, Float.NaN);
        set(before, 0, 7, Float.NaN);
        assertThat(computed(product).values()).isEqualTo(before.values());
    }

    @Test
    void infinitiesAddUpByTheRules() {
        float infinity = Float.POSITIVE_INFINITY;
        Product product = Product.of(1, 9, 4, 1, 1, 1, 1);
        set(product.left, 0, 4, infinity);
        set(product.right, 4, 1, -1);
        set(product.right, 4, 2, 0);
        set(product.sum, 0, 3, -infinity);
        assertThat(computed(product).values()).isEqualTo(new float[] {infinity, -infinity, Float.NaN, Float.NaN});
        isEverywhere(Double.NaN, Product.of(2, 3, 4, 1, 0, infinity, 1));
        isEverywhere(Double.NaN, Product.of(2, 3, 4, 1, 0, 1, infinity));
    }

    @Test
    void theSameCallGivesTheSameBits() throws Exception {
        int[][] shapes = {{51, 32, 1280}, {3, 5, 7}, {17, 33, 65}, {1, 64, 1}};
        float[][] first = new float[shapes.length][];
        for (int i = 0; i < shapes.length; i++) {
            first[i] = computed(Product.random(shapes[i][0], shapes[i][1], shapes[i][2]))
                    .values();
        }
        ExecutorService threads = Executors.newFixedThreadPool(2);
        try {
            Future<?> one = threads.submit(() -> isEveryTime(shapes, first));
            Future<?> other = threads.submit(() -> isEveryTime(shapes, first));
            one.get();
            other.get();
        } catch (ExecutionException e) {
            throw new AssertionError(e.getCause());
        } finally {
            threads.shutdownNow();
        }
        for (int i = shapes.length - 1; i >= 0; i--) { // after a larger one, or a smaller
            assertThat(computed(Product.random(shapes[i][0], shapes[i][1], shapes[i][2]))
                            .values())
                    .isEqualTo(first[i]);
        }
    }

    private void isEveryTime(int[][] shapes, float[][] expected) {
        try (TensorKernel own = open()) {
            for (int round = 0; round < 20; round++) {
                for (int i = 0; i < shapes.length; i++) {
                    Product product = Product.random(shapes[i][0], shapes[i][1], shapes[i][2]);
                    assertThat(computed(own, product).values()).isEqualTo(expected[i]);
                }
            }
        }
    }

    @Test
    void shapesThatDoNotFitAreRefusedAndChangeNothing() {
        FloatMatrix sum = FloatMatrix.zeros(2, 4);
        isRefused(sum, FloatMatrix.zeros(2, 3), FloatMatrix.zeros(2, 4));
        isRefused(sum, FloatMatrix.zeros(3, 3), FloatMatrix.zeros(3, 4));
        isRefused(sum, FloatMatrix.zeros(2, 3), FloatMatrix.zeros(3, 5));
        isRefused(sum, FloatMatrix.zeros(1, 3), FloatMatrix.zeros(3, 4));
        isRefused(sum, FloatMatrix.zeros(3, 2), FloatMatrix.zeros(4, 3));
        assertThat(sum.values()).containsOnly(0);
    }

    private void isRefused(FloatMatrix sum, FloatMatrix left, FloatMatrix right) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> kernel.addProduct(sum, 1, left, right))
                .withMessage("[%d, %d] x [%d, %d] into [%d, %d]"
                        .formatted(
                                left.rows(), left.columns(), right.rows(), right.columns(), sum.rows(), sum.columns()));
    }

    @Test
    void itSaysWhatItIs() {
        assertThat(kernel.name()).matches("[a-z0-9.-]+(-[A-Za-z0-9.-]+)*");
        assertThat(kernel.device()).matches("cpu|gpu:\\d+");
        try (TensorKernel other = open()) {
            assertThat(other.name()).isEqualTo(kernel.name());
        }
    }
}

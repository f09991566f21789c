package io.doraxis.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The contract can fail: each of these defects is found by the test that is there for it. */
class BrokenKernelsTest {
    /** How a kernel adds a product. */
    @FunctionalInterface
    private interface Addition {
        void add(FloatMatrix sum, float scale, FloatMatrix left, FloatMatrix right);
    }

    private record Kernel(Addition addition) implements TensorKernel {
        @Override
        public String name() {
            return "broken";
        }

        @Override
        public String device() {
            return "cpu";
        }

        @Override
        public void addProduct(FloatMatrix sum, float scale, FloatMatrix left, FloatMatrix right) {
            addition.add(sum, scale, left, right);
        }
    }

    private static final class Contract extends TensorKernelContract {
        private final Supplier<TensorKernel> kernel;

        Contract(Supplier<TensorKernel> kernel) {
            this.kernel = kernel;
        }

        @Override
        protected TensorKernel open() {
            return kernel.get();
        }
    }

    static Stream<Arguments> defects() {
        return Stream.of(
                defect("productsOfOddShapesAreThoseInFloat64", (sum, scale, left, right) -> {
                    new JavaKernel().addProduct(sum, scale, left, right);
                    int last = sum.offset() + sum.rows() * sum.columns() - 1;
                    sum.values()[last] = Math.nextUp(Math.nextUp(sum.values()[last]) * (1 + 0x1p-16f));
                }),
                defect("productsOfEveryInnerSizeAreThoseInFloat64", (sum, scale, left, right) -> {
                    int whole = left.columns() / 8 * 8; // forgets what does not fill a register
                    new JavaKernel().addProduct(sum, scale, columns(left, whole), right.rowRange(0, whole));
                }),
                defect("matricesMayLieInsideLargerArrays", (sum, scale, left, right) -> {
                    FloatMatrix start = new FloatMatrix(left.values(), left.rows(), left.columns());
                    new JavaKernel().addProduct(sum, scale, start, right);
                }),
                defect("theFactorsStayAsTheyAre", (sum, scale, left, right) -> {
                    for (int i = 0; i < left.rows() * left.columns(); i++) {
                        left.values()[left.offset() + i] *= scale;
                    }
                    new JavaKernel().addProduct(sum, 1, left, right);
                }),
                defect("withoutRowsColumnsOrTermsNothingHappens", (sum, scale, left, right) -> {
                    Math.floorMod(right.values().length, right.columns());
                    new JavaKernel().addProduct(sum, scale, left, right);
                }),
                defect("notANumberOfTheLeftFactorStaysInItsRow", (sum, scale, left, right) -> {
                    if (scale != 0) { // as a BLAS does
                        new JavaKernel().addProduct(sum, scale, left, right);
                    }
                }),
                defect("notANumberOfTheRightFactorStaysInItsColumn", (sum, scale, left, right) -> {
                    for (int row = 0; row < left.rows(); row++) {
                        for (int i = 0; i < left.columns(); i++) {
                            FloatMatrix factor =
                                    new FloatMatrix(left.values(), left.offset() + row * left.columns() + i, 1, 1);
                            if (factor.values()[factor.offset()] != 0) {
                                new JavaKernel().addProduct(sum.rowRange(row, 1), scale, factor, right.rowRange(i, 1));
                            }
                        }
                    }
                }),
                defect("notANumberOfTheSumStaysWhereItIs", (sum, scale, left, right) -> {
                    new JavaKernel().addProduct(sum, scale, left, right);
                    sum.values()[sum.offset() + 1] += 0 * sum.values()[sum.offset() + Math.min(7, sum.columns() - 1)];
                }),
                defect("subnormalNumbersAreKept", (sum, scale, left, right) -> {
                    new JavaKernel().addProduct(sum, scale, left, right);
                    for (int i = sum.offset(); i < sum.offset() + sum.rows() * sum.columns(); i++) {
                        sum.values()[i] = Math.abs(sum.values()[i]) < Float.MIN_NORMAL ? 0 : sum.values()[i];
                    }
                }),
                defect("hugeNumbersDoNotOverflowOnTheWay", (sum, scale, left, right) -> {
                    FloatMatrix product = FloatMatrix.zeros(sum.rows(), sum.columns());
                    new JavaKernel().addProduct(product, 1, left, right);
                    for (int i = 0; i < product.values().length; i++) {
                        sum.values()[sum.offset() + i] += scale * product.values()[i];
                    }
                }),
                defect("theSameCallGivesTheSameBits", new Addition() {
                    private final AtomicInteger calls = new AtomicInteger();

                    @Override
                    public void add(FloatMatrix sum, float scale, FloatMatrix left, FloatMatrix right) {
                        int some =
                                calls.getAndIncrement() % 2 == 0 ? 0 : left.columns() / 3; // as threads would share it
                        new JavaKernel().addProduct(sum, scale, columns(left, some), right.rowRange(0, some));
                        new JavaKernel()
                                .addProduct(sum, scale, rest(left, some), right.rowRange(some, left.columns() - some));
                    }
                }),
                defect("shapesThatDoNotFitAreRefusedAndChangeNothing", (sum, scale, left, right) -> {
                    if (left.columns() == right.rows()) {
                        new JavaKernel().addProduct(sum, scale, left, right);
                    }
                }));
    }

    private static Arguments defect(String found, Addition addition) {
        return Arguments.of(found, addition);
    }

    private static FloatMatrix columns(FloatMatrix matrix, int count) {
        return copy(matrix, 0, count);
    }

    private static FloatMatrix rest(FloatMatrix matrix, int from) {
        return copy(matrix, from, matrix.columns() - from);
    }

    private static FloatMatrix copy(FloatMatrix matrix, int from, int count) {
        FloatMatrix copy = FloatMatrix.zeros(matrix.rows(), count);
        for (int row = 0; row < matrix.rows(); row++) {
            System.arraycopy(
                    matrix.values(),
                    matrix.offset() + row * matrix.columns() + from,
                    copy.values(),
                    row * count,
                    count);
        }
        return copy;
    }

    @ParameterizedTest
    @MethodSource("defects")
    void aDefectIsFound(String test, Addition addition) throws Exception {
        run(test, JavaKernel::new);
        InvocationTargetException failed =
                catchThrowableOfType(InvocationTargetException.class, () -> run(test, () -> new Kernel(addition)));
        assertThat(failed).as(test).isNotNull();
        assertThat(failed.getCause()).isInstanceOfAny(AssertionError.class, ArithmeticException.class);
    }

    private static void run(String test, Supplier<TensorKernel> kernel) throws Exception {
        Method method = TensorKernelContract.class.getDeclaredMethod(test);
        Contract contract = new Contract(kernel);
        contract.openKernel();
        method.invoke(contract);
        contract.closeKernel();
    }
}

package io.doraxis.merge;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The contract on a device that has memory for three rows at a time, and what becomes of one that has none. */
class FallbackKernelTest extends TensorKernelContract {
    /** A device with memory for some rows of a product. */
    private static final class SmallDevice implements TensorKernel {
        private final TensorKernel arithmetic = new JavaKernel();
        private final int mostRows;
        private final List<Integer> rows = new ArrayList<>();
        private boolean isClosed;

        SmallDevice(int mostRows) {
            this.mostRows = mostRows;
        }

        @Override
        public String name() {
            return "small";
        }

        @Override
        public String device() {
            return "gpu:3";
        }

        @Override
        public void addProduct(FloatMatrix sum, float scale, FloatMatrix left, FloatMatrix right) {
            if (sum.rows() > mostRows) {
                throw new DeviceMemoryException("no room", null);
            }
            rows.add(sum.rows());
            arithmetic.addProduct(sum, scale, left, right);
        }

        @Override
        public void close() {
            isClosed = true;
        }
    }

    private static final FloatMatrix LEFT = new FloatMatrix(new float[] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 10, 1);
    private static final FloatMatrix RIGHT = new FloatMatrix(new float[] {1, 10}, 1, 2);
    private static final float[] PRODUCT = {0, 0, 1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60, 7, 70, 8, 80, 9, 90};

    @Override
    protected TensorKernel open() {
        return new FallbackKernel(new SmallDevice(3), new JavaKernel());
    }

    @Test
    void rowsAreHalvedUntilTheyFit() {
        SmallDevice device = new SmallDevice(3);
        FloatMatrix sum = FloatMatrix.zeros(10, 2);
        try (TensorKernel kernel = new FallbackKernel(device, new JavaKernel())) {
            kernel.addProduct(sum, 1, LEFT, RIGHT);
            assertThat(kernel.warnings()).isEmpty();
            assertThat(kernel.device()).isEqualTo("gpu:3");
        }
        assertThat(sum.values()).isEqualTo(PRODUCT);
        assertThat(device.rows).containsExactly(2, 3, 2, 3);
        assertThat(device.isClosed).isTrue();
    }

    @Test
    void whatFitsInNoWayIsComputedOnTheCpuAndTold() {
        SmallDevice cpu = new SmallDevice(1);
        FloatMatrix sum = FloatMatrix.zeros(10, 2);
        try (TensorKernel kernel = new FallbackKernel(new SmallDevice(0), cpu)) {
            kernel.addProduct(sum, 1, LEFT, RIGHT);
            assertThat(kernel.warnings())
                    .containsExactly("gpu:3 had no memory for 10 products, which small computed on the CPU: no room");
        }
        assertThat(sum.values()).isEqualTo(PRODUCT);
        assertThat(cpu.isClosed).isTrue();
    }
}

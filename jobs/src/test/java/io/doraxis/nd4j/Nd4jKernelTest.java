package io.doraxis.nd4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.doraxis.merge.DeviceMemoryException;
import io.doraxis.merge.FallbackKernel;
import io.doraxis.merge.FloatMatrix;
import io.doraxis.merge.JavaKernel;
import io.doraxis.merge.TensorKernel;
import io.doraxis.merge.TensorKernelContract;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.factory.Environment;
import org.nd4j.linalg.factory.Nd4j;

class Nd4jKernelTest extends TensorKernelContract {
    private static final String NAME = "nd4j-native-1.0.0-M2.1";

    @Override
    protected TensorKernel open() {
        return open(16 << 20);
    }

    private static Nd4jKernel open(int budget) {
        try {
            return new Nd4jKernel(NAME, Nd4jKernel.CPU, budget);
        } catch (DeviceUnavailableException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void itIsTheOneOnTheClassPath() throws Exception {
        assertThat(Nd4jBackend.present()).contains(Nd4jBackend.NATIVE);
        assertThat(Nd4jBackend.objectionToCpu()).isEmpty();
        try (TensorKernel kernel = Nd4jBackend.onCpu()) {
            assertThat(kernel.name()).isEqualTo(NAME);
            assertThat(kernel.device()).isEqualTo("cpu");
        }
        assertThatThrownBy(() -> Nd4jBackend.onGpu(0))
                .isInstanceOf(DeviceUnavailableException.class)
                .hasMessage("ND4J computes on the CPU only in this build: build with -Pcuda");
        assertThatThrownBy(() -> new Nd4jKernel(NAME, 7)).hasMessage("there is no GPU 7, CUDA sees 1");
    }

    @Test
    void aProductIsComputedByOneThread() {
        assertThat(Nd4j.factory().blas().getMaxThreads()).isEqualTo(1);
        assertThat(Nd4j.getEnvironment().maxMasterThreads()).isEqualTo(1);
    }

    private static FloatMatrix numbers(int rows, int columns) {
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = i % 7 - 3;
        }
        return new FloatMatrix(values, rows, columns);
    }

    private static FloatMatrix zeros(int rows, int columns) {
        return new FloatMatrix(new float[rows * columns], rows, columns);
    }

    @Test
    void whatIsLargerThanTheBudgetIsComputedInParts() {
        FloatMatrix left = numbers(23, 19);
        FloatMatrix right = numbers(19, 31);
        FloatMatrix expected = zeros(23, 31);
        new JavaKernel().addProduct(expected, 0.5f, left, right);
        for (int budget = 1; budget < 2000; budget += 37) {
            FloatMatrix sum = zeros(23, 31);
            try (TensorKernel kernel = open(budget)) {
                kernel.addProduct(sum, 0.5f, left, right);
            }
            assertThat(sum.values()).as("budget %d", budget).isEqualTo(expected.values());
        }
    }

    /** Bytes that ND4J has outside the heap, by its own account. */
    private static long held() {
        return Nd4j.getEnvironment().getDeviceCouner(0);
    }

    @Test
    void closingGivesEverythingBack() {
        long before = held();
        try (TensorKernel kernel = open()) {
            kernel.addProduct(zeros(64, 256), 1, numbers(64, 16), numbers(16, 256));
            assertThat(held() - before).isEqualTo(4L * (64 * 256 + 64 * 16 + 16 * 256));
        }
        assertThat(held()).isEqualTo(before);
    }

    @Test
    void thousandsOfProductsDoNotGrowTheMemoryOutsideTheHeap() {
        FloatMatrix right = numbers(16, 1024);
        try (TensorKernel kernel = open()) {
            long most = 0;
            for (int i = 0; i < 10_000; i++) {
                int rows = 120 + i % 8; // another shape each time: 500 KB, 5 GB altogether
                kernel.addProduct(zeros(rows, 1024), 1, numbers(rows, 16), right);
                most = Math.max(most, held());
            }
            assertThat(most).isLessThan(4 << 20);
        }
    }

    @Test
    void withoutMemoryItSaysSoAndTheSumStaysAsItWas() throws Exception {
        Environment environment = Nd4j.getEnvironment();
        long limit = environment.getDeviceLimit(0);
        FloatMatrix left = numbers(64, 16);
        FloatMatrix right = numbers(16, 256);
        FloatMatrix sum = zeros(64, 256);
        FloatMatrix expected = zeros(64, 256);
        new JavaKernel().addProduct(expected, 1, left, right);
        environment.setDeviceLimit(0, held() + (32 << 10));
        try (Nd4jKernel kernel = open(16 << 20)) {
            assertThatThrownBy(() -> kernel.addProduct(sum, 1, left, right)).isInstanceOf(DeviceMemoryException.class);
            assertThat(sum.values()).containsOnly(0);
            try (TensorKernel sparing = new FallbackKernel(open(16 << 20), new JavaKernel())) {
                sparing.addProduct(sum, 1, left, right);
                assertThat(sparing.warnings()).isEmpty();
            }
            assertThat(sum.values()).isEqualTo(expected.values());
        } finally {
            environment.setDeviceLimit(0, limit);
        }
    }

    @Test
    void errorsOfMemoryAreToldFromOthers() {
        assertThat(Arrays.asList(
                        new RuntimeException("Allocation failed: [[DEVICE] allocation failed; Error code: [2]]"),
                        new RuntimeException(new IllegalStateException("cudaMalloc: out of memory")),
                        new OutOfMemoryError(
                                "Physical memory usage is too high: physicalBytes (9G) > maxPhysicalBytes"),
                        new OutOfMemoryError("Failed to allocate memory within limits: totalBytes (1G) > maxBytes")))
                .allMatch(Nd4jKernel::isOutOfMemory);
        assertThat(Arrays.asList(
                        new IllegalArgumentException("shapes"),
                        new RuntimeException((String) null),
                        new OutOfMemoryError("Java heap space")))
                .noneMatch(Nd4jKernel::isOutOfMemory);
    }
}

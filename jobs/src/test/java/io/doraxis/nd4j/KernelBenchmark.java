package io.doraxis.nd4j;

import io.doraxis.merge.FloatMatrix;
import io.doraxis.merge.JavaKernel;
import io.doraxis.merge.TensorKernel;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * How long products take in Java and in ND4J, on one thread. Rounds of both alternate, and the CPU time of the thread
 * stands beside the clock's, since other work on the machine is no part of it.
 */
public final class KernelBenchmark {
    private static final int ROUNDS = 15;
    private static final long ROUND_NANOS = 200_000_000;

    /** Elements of a block of a weight's rows, as a merge computes it. */
    private static final int BLOCK = 1 << 16;

    private KernelBenchmark() {}

    /** A product of random numbers, by blocks of rows or as a whole. */
    private record Work(int rows, int inner, int columns, int blockRows) {
        void run(TensorKernel kernel, float[] sum, float[] left, float[] right) {
            for (int row = 0; row < rows; row += blockRows) {
                int count = Math.min(blockRows, rows - row);
                kernel.addProduct(
                        new FloatMatrix(sum, row * columns, count, columns),
                        0.5f,
                        new FloatMatrix(left, row * inner, count, inner),
                        new FloatMatrix(right, inner, columns));
            }
        }

        @Override
        public String toString() {
            String shapes = "[%dx%d]x[%dx%d]".formatted(rows, inner, inner, columns);
            return blockRows == rows ? shapes : shapes + " by " + blockRows + " rows";
        }
    }

    /** Of one kernel: milliseconds of each round. */
    private record Times(TensorKernel kernel, List<Double> clock, List<Double> cpu) {
        Times(TensorKernel kernel) {
            this(kernel, new ArrayList<>(), new ArrayList<>());
        }
    }

    public static void main(String[] args) throws DeviceUnavailableException {
        long clock = System.nanoTime();
        long cpu = cpuNanos();
        TensorKernel nd4j = Nd4jBackend.onCpu();
        nd4j.addProduct(new FloatMatrix(new float[1], 1, 1), 1, new FloatMatrix(new float[1], 1, 1), ones());
        System.out.printf(
                "%s: first product after %.2f s, %.2f s of CPU time%n",
                nd4j.name(), (System.nanoTime() - clock) / 1e9, (cpuNanos() - cpu) / 1e9);
        System.out.printf(
                "%-38s %-24s %10s %10s %10s %10s%n", "product", "kernel", "best ms", "median ms", "CPU ms", "GFLOP/s");
        for (int[] shape : new int[][] {{1280, 32, 1280}, {1280, 320, 1280}, {2048, 2048, 2048}}) {
            measure(new Work(shape[0], shape[1], shape[2], BLOCK / shape[2]), new JavaKernel(), nd4j);
            measure(new Work(shape[0], shape[1], shape[2], shape[0]), new JavaKernel(), nd4j);
        }
        nd4j.close();
    }

    private static FloatMatrix ones() {
        return new FloatMatrix(new float[] {1}, 1, 1);
    }

    private static long cpuNanos() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }

    private static void measure(Work work, TensorKernel... kernels) {
        float[] left = random(work.rows * work.inner);
        float[] right = random(work.inner * work.columns);
        float[] sum = new float[work.rows * work.columns];
        List<Times> times = Arrays.stream(kernels).map(Times::new).toList();
        for (int round = -2; round < ROUNDS; round++) { // two to warm up
            for (Times each : times) {
                long clock = System.nanoTime();
                long cpu = cpuNanos();
                int runs = 0;
                do {
                    work.run(each.kernel, sum, left, right);
                    runs++;
                } while (System.nanoTime() - clock < ROUND_NANOS);
                if (round >= 0) {
                    each.clock.add((System.nanoTime() - clock) / 1e6 / runs);
                    each.cpu.add((cpuNanos() - cpu) / 1e6 / runs);
                }
            }
        }
        for (Times each : times) {
            Collections.sort(each.clock);
            Collections.sort(each.cpu);
            System.out.printf(
                    "%-38s %-24s %10.2f %10.2f %10.2f %10.1f%n",
                    work,
                    each.kernel.name(),
                    each.clock.get(0),
                    each.clock.get(ROUNDS / 2),
                    each.cpu.get(0),
                    2.0 * work.rows * work.inner * work.columns / each.cpu.get(0) / 1e6);
        }
    }

    private static float[] random(int count) {
        Random random = new Random(count);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }
}

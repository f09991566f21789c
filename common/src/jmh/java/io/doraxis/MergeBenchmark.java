package io.doraxis;

import io.doraxis.merge.Change;
import io.doraxis.merge.FloatMatrix;
import io.doraxis.merge.JavaKernel;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.FloatEncoder;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The steps of a merge on one block of rows, one core: a weight of 1280 inputs in fp16, rank 32. The counter {@code
 * gigabytes} is the figure: gigabytes of base weights per second that the step alone would handle.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class MergeBenchmark {
    private static final int ROWS = 51;
    private static final int COLUMNS = 1280;
    private static final int RANK = 32;
    private static final int ELEMENTS = ROWS * COLUMNS;

    private final float[] weights = new float[ELEMENTS];
    private final float[] merged = new float[ELEMENTS];
    private final ByteBuffer halves = ByteBuffer.allocate(2 * ELEMENTS).order(ByteOrder.LITTLE_ENDIAN);
    private final FloatMatrix up = new FloatMatrix(new float[ROWS * RANK], ROWS, RANK);
    private final FloatMatrix down = new FloatMatrix(new float[RANK * COLUMNS], RANK, COLUMNS);
    private final JavaKernel kernel = new JavaKernel();
    private MessageDigest sha256;

    /** Base weights handled. */
    @State(Scope.Thread)
    @AuxCounters(AuxCounters.Type.OPERATIONS)
    public static class Weights {
        public double gigabytes;
    }

    @Setup
    public void fill() throws NoSuchAlgorithmException {
        sha256 = MessageDigest.getInstance("SHA-256");
        Random random = new Random(7);
        for (float[] values : new float[][] {weights, up.values(), down.values()}) {
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextGaussian() * 0.03f;
            }
        }
        FloatEncoder.encode(Dtype.F16, weights, 0, ELEMENTS, halves.clear());
    }

    @Benchmark
    public void decode(Weights count) {
        FloatDecoder.decode(Dtype.F16, halves.clear(), weights, ELEMENTS);
        count.gigabytes += 2e-9 * ELEMENTS;
    }

    @Benchmark
    public void product(Weights count) {
        kernel.addProduct(new FloatMatrix(weights, ROWS, COLUMNS), 1e-9f, up, down);
        count.gigabytes += 2e-9 * ELEMENTS;
    }

    @Benchmark
    public int encode(Weights count) {
        count.gigabytes += 2e-9 * ELEMENTS;
        return FloatEncoder.encode(Dtype.F16, weights, 0, ELEMENTS, halves.clear());
    }

    /** How far the elements moved. */
    @Benchmark
    public Change compare(Weights count) {
        count.gigabytes += 2e-9 * ELEMENTS;
        return Change.between(weights, merged, ELEMENTS);
    }

    @Benchmark
    public byte[] digest(Weights count) {
        count.gigabytes += 2e-9 * ELEMENTS;
        return sha256.digest(halves.array());
    }
}

package io.doraxis.merge;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorInfo;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Norms of a base weight with a module's delta weight, in float64, some rows at a time: what the direction of DoRA is
 * divided by, without the merged weight itself.
 */
public final class DirectionNorms {
    /** Elements of the rows that are computed together. */
    private static final int BLOCK = 1 << 16;

    /** A direction that is so much shorter than the base weight lost its digits where products are in float32. */
    private static final double CANCELLED = 0x1p-10;

    private final AdapterModule module;
    private final TensorData data;
    private final double[] norms;
    private final double[] ofBase;

    private DirectionNorms(AdapterModule module, TensorData data, double[] norms, double[] ofBase) {
        this.module = module;
        this.data = data;
        this.norms = norms;
        this.ofBase = ofBase;
    }

    /**
     * Takes them.
     *
     * @param module LORA, LOHA or LOKR, with a scale
     * @param weight the base weight, [out, in, kernel...]
     * @param stored its bytes, little-endian
     * @throws IllegalArgumentException if the factors are not there or do not fit
     */
    public static DirectionNorms of(
            AdapterModule module, ModuleAxis axis, TensorData data, TensorInfo weight, ByteBuffer stored) {
        DeltaWeight.Rows delta = DeltaWeight.rows(module, data);
        int rows = Math.toIntExact(weight.shape().dimOrOne(0));
        int columns = Math.toIntExact(weight.shape().from(1).elements());
        int kernel = Math.toIntExact(weight.shape().from(2).elements());
        boolean byRow = axis == ModuleAxis.OUTPUT;
        double[] squares = new double[byRow ? rows : columns / kernel];
        double[] ofBase = new double[squares.length];
        int block = Math.max(1, BLOCK / Math.max(1, columns));
        int width = weight.dtype().bits() / 8;
        for (int first = 0; first < rows; first += block) {
            int count = Math.min(block, rows - first);
            ByteBuffer bytes = stored.slice(first * columns * width, count * columns * width)
                    .order(ByteOrder.LITTLE_ENDIAN);
            Matrix base = new Matrix(count, columns, FloatDecoder.doubles(weight.dtype(), bytes, count * columns));
            Matrix direction = base.plus(delta.of(first, count).scaled(module.scale()));
            add(squares, WeightDecomposition.squares(direction, axis, kernel), byRow ? first : 0);
            add(ofBase, WeightDecomposition.squares(base, axis, kernel), byRow ? first : 0);
        }
        return new DirectionNorms(module, data, WeightDecomposition.roots(squares), WeightDecomposition.roots(ofBase));
    }

    private static void add(double[] sum, double[] more, int from) {
        for (int i = 0; i < more.length; i++) {
            sum[from + i] += more[i];
        }
    }

    /** One per row on the OUTPUT axis, one per input on the INPUT axis. */
    public double[] norms() {
        return norms.clone();
    }

    /** What the direction's rows or inputs are multiplied by, magnitude over norm; the module must have a magnitude. */
    public double[] factors() {
        double[] magnitude = new Factors(module, data).values(module.magnitude().tensor());
        return WeightDecomposition.factors(norms, magnitude, WeightDecomposition.epsilon(module.magnitude()));
    }

    /**
     * Whether a norm is zero, or nearly so because the delta weight undoes the base weight: what is divided by it is then
     * exact in float64 only.
     */
    public boolean isCancelled() {
        for (int i = 0; i < norms.length; i++) {
            if (norms[i] <= CANCELLED * ofBase[i]) {
                return true;
            }
        }
        return false;
    }
}

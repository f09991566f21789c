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

    /** Of the base weight's row, that a row of the delta weight may be as long as and cancel nothing: far from all of it. */
    private static final double SHORT = 0.9;

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

    /**
     * Norms of a weight's rows, in float64.
     *
     * @param weight [out, in, kernel...]
     * @param stored its bytes, little-endian
     */
    public static double[] ofRows(TensorInfo weight, ByteBuffer stored) {
        int rows = Math.toIntExact(weight.shape().dimOrOne(0));
        int columns = Math.toIntExact(weight.shape().from(1).elements());
        int width = weight.dtype().bits() / 8;
        double[] squares = new double[rows];
        for (int row = 0; row < rows; row++) {
            ByteBuffer bytes =
                    stored.slice(row * columns * width, columns * width).order(ByteOrder.LITTLE_ENDIAN);
            for (double value : FloatDecoder.doubles(weight.dtype(), bytes, columns)) {
                squares[row] += value * value;
            }
        }
        return WeightDecomposition.roots(squares);
    }

    /**
     * Whether no direction on the output axis can be cancelled, as each row of the delta weight is shorter than the base
     * weight's: it is no longer than the norm of its row of the left factor times the right factor's, or else, exactly, a row b
     * is worth sqrt(b G b'), with the products G of the right factor's rows. What is not sure so, {@link #isCancelled} tells.
     *
     * @param module LORA, with a scale
     * @param baseRows norms of the base weight's rows
     * @throws IllegalArgumentException if the factors are not there or do not fit
     */
    public static boolean isSurelyShort(AdapterModule module, TensorData data, double[] baseRows) {
        FactoredDelta delta = FactoredDelta.of(module, data);
        double scale = Math.abs(module.scale());
        double right = scale * norm(delta.right());
        Matrix left = delta.left();
        double[] rows = WeightDecomposition.norms(left, ModuleAxis.OUTPUT, 1);
        if (rows.length != baseRows.length) {
            return false;
        }
        Matrix products = null;
        for (int row = 0; row < rows.length; row++) {
            if (rows[row] * right < SHORT * baseRows[row]) {
                continue;
            }
            products = products == null ? delta.right().times(delta.right().transposed()) : products;
            Matrix own = left.rowRange(row, 1);
            double square = own.times(products).times(own.transposed()).at(0, 0);
            if (!(scale * Math.sqrt(Math.max(0, square)) < SHORT * baseRows[row])) {
                return false;
            }
        }
        return true;
    }

    private static double norm(Matrix matrix) {
        double square = 0;
        for (double value : matrix.values()) {
            square += value * value;
        }
        return Math.sqrt(square);
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

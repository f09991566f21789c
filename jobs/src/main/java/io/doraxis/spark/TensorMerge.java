package io.doraxis.spark;

import io.doraxis.merge.Change;
import io.doraxis.merge.FloatMatrix;
import io.doraxis.merge.Matrix;
import io.doraxis.merge.MergePlan;
import io.doraxis.merge.MergeRefusedException;
import io.doraxis.merge.MergeRefusedException.Code;
import io.doraxis.merge.OutputTensor;
import io.doraxis.merge.WeightMerge;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.FloatEncoder;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorInfo;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.function.IntFunction;

/**
 * Computes one tensor of a merged model: from the bytes of the base to those of the output, by blocks of rows whose size
 * depends on the tensor alone, so that the same bytes come out however many are computed at a time.
 */
final class TensorMerge {
    /** Elements of a block: what is computed from it stays in a core's cache. */
    private static final int BLOCK = 1 << 16;

    /** Of a tensor that is merged in float64: the stored bytes, a float and up to nine doubles at a time. */
    private static final long WHOLE_BYTES_PER_ELEMENT = 80;

    private final MergePlan plan;
    private final OutputTensor tensor;
    private final TensorInfo source;
    private final IntFunction<TensorData> factors;
    private final WeightMerge byRows;

    /** Takes the place of the base's bytes; null where nothing does. */
    private final ByteBuffer replacement;

    private final Dtype replacementType;
    private Change change = Change.NONE;
    private long tooLarge;

    /**
     * @param factors of each adapter, those that {@link MergePlan#factors} names
     * @throws IllegalArgumentException if they do not fit
     */
    TensorMerge(MergePlan plan, OutputTensor tensor, IntFunction<TensorData> factors) {
        this.plan = plan;
        this.tensor = tensor;
        this.source = tensor.source();
        this.factors = factors;
        String name = source.name();
        this.byRows = isByRows(plan, tensor) ? plan.byRows(name, source.shape(), factors) : null;
        MergePlan.Replacement replaced = plan.replaced().get(name);
        this.replacement = replaced == null
                ? null
                : factors.apply(replaced.adapter())
                        .bytes(replaced.tensor())
                        .orElseThrow(() -> new IllegalArgumentException(
                                "the values of " + replaced.tensor().name() + " are not there"));
        this.replacementType = replaced == null ? null : replaced.tensor().dtype();
    }

    private static boolean isByRows(MergePlan plan, OutputTensor tensor) {
        return plan.weights().containsKey(tensor.source().name())
                && plan.isMergedByRows(tensor.source().name())
                && tensor.source().dtype() != Dtype.F64;
    }

    /** Whether it can be computed from some of its rows at a time. */
    static boolean isOnePass(MergePlan plan, OutputTensor tensor) {
        String name = tensor.source().name();
        boolean rowsSuffice = !plan.touches(name) || isByRows(plan, tensor) && plan.isMergedInOnePass(name);
        return rowsSuffice
                && tensor.source().strides() == null
                && !plan.replaced().containsKey(name);
    }

    /** How much memory it takes to compute it, of one that needs all its rows. */
    static long memory(MergePlan plan, OutputTensor tensor) {
        String name = tensor.source().name();
        boolean whole = plan.weights().containsKey(name) && !isByRows(plan, tensor);
        long elements = tensor.source().shape().elements();
        return whole
                ? elements * WHOLE_BYTES_PER_ELEMENT
                : tensor.source().bytes() + tensor.bytes() + (plan.replaced().containsKey(name) ? 8 * elements : 0);
    }

    /** @throws MergeRefusedException if it does not fit into the memory of a process like this one */
    static void requireFits(MergePlan plan, OutputTensor tensor) throws MergeRefusedException {
        String name = tensor.source().name();
        boolean isView = tensor.source().strides() != null;
        long memory = 0;
        long most = 0;
        if (isView || plan.touches(name) && !isOnePass(plan, tensor)) {
            most = Math.max(tensor.source().bytes(), isView ? bounded(tensor.source()) * Double.BYTES : tensor.bytes());
            memory = isView && !plan.touches(name) ? most : memory(plan, tensor);
        }
        for (int adapter = 0; adapter < plan.adapters(); adapter++) {
            for (TensorInfo factor : plan.factors(name, adapter)) {
                long floats = bounded(factor) * Float.BYTES;
                most = Math.max(most, floats);
                memory += floats;
            }
        }
        Memory.requireFits(name, memory, most <= Integer.MAX_VALUE - 8);
    }

    /** Elements of a tensor; of more than an array can hold, so many that none holds them. */
    private static long bounded(TensorInfo tensor) {
        return Math.min(tensor.shape().elements(), Integer.MAX_VALUE);
    }

    private static int rowElements(Shape shape) {
        long rows = shape.dimOrOne(0);
        return rows == 0 ? 0 : Math.toIntExact(shape.elements() / rows);
    }

    /** Rows that are computed together. */
    static int blockRows(Shape shape) {
        return Math.max(1, BLOCK / Math.max(1, rowElements(shape)));
    }

    /**
     * Computes some of its rows, whole blocks of them or up to the last.
     *
     * @param stored those rows of the base
     * @return as they are written; the same array where the type stays
     */
    byte[] rows(byte[] stored, int length, int firstRow, Lanes lanes) throws MergeRefusedException {
        int elements = length / (source.dtype().bits() / 8);
        int width = tensor.dtype().bits() / 8;
        byte[] written = tensor.dtype() == source.dtype() ? stored : new byte[elements * width];
        int columns = rowElements(source.shape());
        int blockElements = blockRows(source.shape()) * columns;
        int blocks = columns == 0 ? 0 : (elements + blockElements - 1) / blockElements;
        passes(stored, elements, firstRow, blocks, lanes);
        Change[] changes = new Change[blocks];
        int[] tooLarge = new int[blocks];
        lanes.run(blocks, (block, lane) -> {
            int from = block * blockElements;
            int count = Math.min(blockElements, elements - from);
            ByteBuffer out =
                    ByteBuffer.wrap(written, from * width, count * width).order(ByteOrder.LITTLE_ENDIAN);
            if (isWide()) {
                double[] before = doubles(source.dtype(), ByteBuffer.wrap(stored), from, count);
                double[] after = replacement == null
                        ? before
                        : doubles(replacementType, replacement, firstRow * columns + from, count);
                tooLarge[block] = FloatEncoder.encode(tensor.dtype(), after, out);
                changes[block] = before == after ? Change.NONE : Change.between(before, after);
                return;
            }
            float[] before = lane.before(count);
            decode(stored, from, before, count);
            float[] after = before;
            if (plan.touches(source.name())) {
                after = lane.after(count);
                if (replacement == null) {
                    System.arraycopy(before, 0, after, 0, count);
                } else {
                    decodeReplacement(firstRow * columns + from, after, count);
                }
                if (byRows != null) {
                    FloatMatrix rows = new FloatMatrix(after, count / columns, columns);
                    byRows.merge(rows, firstRow + from / columns, lane.kernel);
                }
            }
            tooLarge[block] = FloatEncoder.encode(tensor.dtype(), after, 0, count, out);
            changes[block] = before == after ? Change.NONE : Change.between(before, after, count);
        });
        for (int block = 0; block < blocks; block++) {
            add(changes[block], tooLarge[block]);
        }
        return written;
    }

    /** Whether float32 would not hold what is only copied or replaced. */
    private boolean isWide() {
        return byRows == null && (source.dtype() == Dtype.F64 || replacementType == Dtype.F64);
    }

    private void passes(byte[] stored, int elements, int firstRow, int blocks, Lanes lanes)
            throws MergeRefusedException {
        int columns = rowElements(source.shape());
        int blockElements = blockRows(source.shape()) * columns;
        for (int pass = 0; byRows != null && pass < byRows.passes(); pass++) {
            double[][] squares = new double[blocks][];
            int number = pass;
            lanes.run(blocks, (block, lane) -> {
                int from = block * blockElements;
                int count = Math.min(blockElements, elements - from);
                float[] values = lane.after(count);
                if (replacement == null) {
                    decode(stored, from, values, count);
                } else {
                    decodeReplacement(firstRow * columns + from, values, count);
                }
                FloatMatrix rows = new FloatMatrix(values, count / columns, columns);
                squares[block] = byRows.squares(number, rows, firstRow + from / columns, lane.kernel);
            });
            byRows.setNorms(pass, Arrays.asList(squares));
        }
    }

    private void decode(byte[] stored, int from, float[] values, int count) {
        int width = source.dtype().bits() / 8;
        ByteBuffer bytes = ByteBuffer.wrap(stored, from * width, count * width).order(ByteOrder.LITTLE_ENDIAN);
        FloatDecoder.decode(source.dtype(), bytes, values, count);
    }

    private void decodeReplacement(int from, float[] values, int count) {
        int width = replacementType.bits() / 8;
        ByteBuffer bytes = replacement.slice(from * width, count * width).order(ByteOrder.LITTLE_ENDIAN);
        FloatDecoder.decode(replacementType, bytes, values, count);
    }

    /**
     * Computes all of it.
     *
     * @param stored all bytes of the base's tensor, its elements in the order of the shape
     */
    byte[] whole(byte[] stored, Lanes lanes) throws MergeRefusedException {
        String name = source.name();
        boolean inFloat64 = plan.weights().containsKey(name) && byRows == null
                || plan.biases().containsKey(name);
        return inFloat64 ? inFloat64(stored) : rows(stored, stored.length, 0, lanes);
    }

    private byte[] inFloat64(byte[] stored) throws MergeRefusedException {
        int elements = Math.toIntExact(source.shape().elements());
        double[] before = doubles(source.dtype(), ByteBuffer.wrap(stored), 0, elements);
        double[] after = replacement == null ? before : doubles(replacementType, replacement, 0, elements);
        if (plan.weights().containsKey(source.name())) {
            int kernel = Math.toIntExact(source.shape().from(2).elements());
            Matrix weight = new Matrix(Math.toIntExact(source.shape().dimOrOne(0)), rowElements(source.shape()), after);
            after = plan.whole(source.name(), weight, kernel, factors).values();
        } else {
            after = plan.bias(source.name(), after, factors);
        }
        ByteBuffer written =
                ByteBuffer.allocate(Math.toIntExact(tensor.bytes())).order(ByteOrder.LITTLE_ENDIAN);
        int large = FloatEncoder.encode(tensor.dtype(), after, written);
        add(Change.between(before, after), large);
        return written.array();
    }

    private static double[] doubles(Dtype dtype, ByteBuffer bytes, int from, int count) {
        int width = dtype.bits() / 8;
        return FloatDecoder.doubles(
                dtype, bytes.slice(from * width, count * width).order(ByteOrder.LITTLE_ENDIAN), count);
    }

    private void add(Change block, int large) throws MergeRefusedException {
        tooLarge += large;
        if (plan.touches(source.name()) && !Double.isFinite(block.sum())) {
            throw notFinite();
        }
        change = change.and(block);
    }

    /** Which tensor is to blame: one of the adapter's, or the base's own. */
    private MergeRefusedException notFinite() {
        for (int adapter = 0; adapter < plan.adapters(); adapter++) {
            for (TensorInfo factor : plan.factors(source.name(), adapter)) {
                double[] values = factors.apply(adapter)
                        .bytes(factor)
                        .filter(bytes -> FloatDecoder.decodes(factor.dtype()))
                        .map(bytes -> FloatDecoder.doubles(
                                factor.dtype(),
                                bytes,
                                Math.toIntExact(factor.shape().elements())))
                        .orElse(new double[0]);
                if (!Arrays.stream(values).allMatch(Double::isFinite)) {
                    return new MergeRefusedException(
                            Code.NOT_FINITE, "the adapter's " + factor.name() + " holds NaN or infinity");
                }
            }
        }
        return new MergeRefusedException(
                Code.NOT_FINITE,
                "the base's " + source.name() + " holds NaN or infinity, or its merge leaves the range of numbers");
    }

    /** Of all elements so far. */
    Change change() {
        return change;
    }

    /** Elements that the type of the output cannot hold. */
    long tooLarge() {
        return tooLarge;
    }
}

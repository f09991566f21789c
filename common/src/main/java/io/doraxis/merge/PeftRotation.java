package io.doraxis.merge;

import static io.doraxis.adapter.Role.PEFT_BOFT_R;
import static io.doraxis.adapter.Role.PEFT_BOFT_S;
import static io.doraxis.adapter.Role.PEFT_OFT_R;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.adapter.PeftTransform;
import io.doraxis.merge.MergeRefusedException.Code;
import io.doraxis.tensorfile.Shape;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * OFT and BOFT as PEFT 0.21.2 merges them. They rotate a weight's inputs, of a convolution each position of the kernel: the
 * merged weight is W R^T with R made of blocks along the diagonal, in BOFT by several stages between butterfly
 * permutations; BOFT scales the rows afterwards, not the bias.
 */
final class PeftRotation {
    private static final Pattern VERSION = Pattern.compile("(\\d{1,6})\\.(\\d{1,6})(?:\\D.*)?");

    /** The first that has today's series: it names itself in the configuration, those before do not. */
    private static final int SERIES_SINCE = 18;

    private PeftRotation() {}

    static boolean isOne(AdapterModule module) {
        return module.tensors().hasAny(PEFT_OFT_R, PEFT_BOFT_R);
    }

    /**
     * Whether PEFT computes something else with the adapter loaded than it merges: of a convolution it then rotates the
     * patches of the image and adds up those that overlap, even where nothing is rotated.
     */
    static boolean isOverlapping(AdapterModule module, Shape weight) {
        return module.tensors().has(PEFT_OFT_R) && weight.from(2).elements() > 1;
    }

    /**
     * Checks all that can be known without values.
     *
     * @param weight as the module has it
     * @param config null without one
     * @throws MergeRefusedException if PEFT would not merge it, or it is not known how
     */
    static void requireFit(AdapterModule module, Shape weight, PeftConfig config) throws MergeRefusedException {
        if (weight.rank() != 2 && (weight.rank() != 4 || weight.dim(2) != weight.dim(3))) {
            throw unsupported(
                    module, "PEFT rotates linear layers and convolutions with a square kernel, not " + weight);
        }
        if (module.tensors().has(PEFT_OFT_R)) {
            requireKnown(module, config);
            requireOft(module, weight, config.transform().shared());
        } else {
            requireBoft(module, weight);
        }
    }

    private static void requireKnown(AdapterModule module, PeftConfig config) throws MergeRefusedException {
        if (config == null) {
            throw unsupported(module, "without adapter_config.json it is not known how PEFT makes its rotations");
        }
        if (!config.fields().contains("oft_block_size")) {
            throw unsupported(module, "PEFT no longer reads what it wrote before 0.14");
        }
        if (config.transform().series()
                && isBefore(SERIES_SINCE, config.transform().version())) {
            throw unsupported(module, "PEFT made its rotations by another series before 0." + SERIES_SINCE);
        }
    }

    private static boolean isBefore(int minor, String version) {
        Matcher parts = VERSION.matcher(version == null ? "" : version);
        return !parts.matches() || Integer.parseInt(parts.group(1)) == 0 && Integer.parseInt(parts.group(2)) < minor;
    }

    private static void requireOft(AdapterModule module, Shape weight, boolean shared) throws MergeRefusedException {
        Shape stored = module.tensors().shape(PEFT_OFT_R);
        long columns = columns(weight);
        int size = stored.rank() == 2 ? blockSize(stored.dim(1)) : 0;
        boolean fits = size > 0
                && (shared
                        ? stored.dim(0) == 1 && columns % size == 0
                        : Math.multiplyHigh(stored.dim(0), size) == 0 && stored.dim(0) * size == columns);
        if (!fits) {
            throw mismatch(module, weight, stored);
        }
    }

    private static void requireBoft(AdapterModule module, Shape weight) throws MergeRefusedException {
        if (!module.tensors().has(PEFT_BOFT_S)) {
            throw unsupported(module, "boft_s is not in the file");
        }
        Shape stored = module.tensors().shape(PEFT_BOFT_R);
        Shape scales = module.tensors().shape(PEFT_BOFT_S);
        boolean square = stored.rank() == 4 && stored.dim(0) > 0 && stored.dim(2) == stored.dim(3);
        boolean fits = square
                && scales.elements() == weight.dim(0)
                && Math.multiplyHigh(stored.dim(1), stored.dim(2)) == 0
                && stored.dim(1) * stored.dim(2) == columns(weight);
        if (!fits) {
            throw mismatch(module, weight, stored);
        }
        long stages = stored.dim(0) - 1;
        if (stages > 0 && (stages >= Long.SIZE - 1 || stored.dim(1) % (1L << stages) != 0 || stored.dim(2) % 2 != 0)) {
            throw unsupported(module, "blocks of " + stored + " have no butterfly of so many stages");
        }
    }

    private static long columns(Shape weight) {
        return weight.dim(1) * weight.from(2).elements();
    }

    /** The size of a block of that many elements above its diagonal; 0 if there is none. */
    private static int blockSize(long elements) {
        long size =
                elements < 0 || elements > Integer.MAX_VALUE ? 0 : Math.round((1 + Math.sqrt(1 + 8.0 * elements)) / 2);
        return size * (size - 1) / 2 == elements ? (int) size : 0;
    }

    private static MergeRefusedException unsupported(AdapterModule module, String why) {
        return new MergeRefusedException(Code.UNSUPPORTED_MODULE, module.name() + ": " + why);
    }

    private static MergeRefusedException mismatch(AdapterModule module, Shape weight, Shape stored) {
        return new MergeRefusedException(
                Code.SHAPE_MISMATCH,
                "%s: the base weight is %s, the rotations are %s".formatted(module.name(), weight, stored));
    }

    /**
     * The merged weight.
     *
     * @param base [out, in * kernel]
     * @param transform what the configuration says
     */
    static Matrix of(Factors factors, Matrix base, PeftTransform transform) {
        Matrix inputs = base.transposed();
        if (factors.has(PEFT_OFT_R)) {
            List<Matrix> blocks = oft(factors, base.columns(), transform);
            return Rotation.diagonal(blocks, blocks.get(0).rows(), inputs).transposed();
        }
        Matrix rotated = boft(factors, inputs).transposed();
        double[] scales = factors.values(PEFT_BOFT_S);
        for (int row = 0; row < rotated.rows(); row++) {
            rotated.scaleRow(row, scales[row]);
        }
        return rotated;
    }

    /** A block for each group of inputs. */
    private static List<Matrix> oft(Factors factors, int columns, PeftTransform transform) {
        Shape shape = factors.shape(PEFT_OFT_R);
        int stored = Math.toIntExact(shape.dim(0));
        int elements = Math.toIntExact(shape.dim(1));
        int size = blockSize(elements);
        double[] values = factors.values(PEFT_OFT_R);
        double bound = transform.constrained() ? transform.epsilon() / Math.sqrt(stored) : Double.POSITIVE_INFINITY;
        List<Matrix> blocks = new ArrayList<>();
        for (int block = 0; block < stored; block++) {
            Matrix skew = bounded(skew(values, block * elements, size), bound);
            blocks.add(transform.series() ? series(skew, transform.terms()) : cayley(skew));
        }
        return stored == 1 ? Collections.nCopies(columns / size, blocks.get(0)) : blocks;
    }

    /** The skew-symmetric matrix of the elements above its diagonal, row by row. */
    private static Matrix skew(double[] values, int from, int size) {
        Matrix skew = Matrix.zeros(size, size);
        for (int row = 0, at = from; row < size; row++) {
            for (int column = row + 1; column < size; column++, at++) {
                skew.add(row, column, values[at]);
                skew.add(column, row, -values[at]);
            }
        }
        return skew;
    }

    /** Shrunk until its norm is the bound. */
    private static Matrix bounded(Matrix skew, double bound) {
        double squares = 0;
        for (double value : skew.values()) {
            squares += value * value;
        }
        double norm = Math.sqrt(squares);
        return norm > bound ? skew.scaled(bound / norm) : skew;
    }

    /** (I - Q) (I + Q)^-1. */
    private static Matrix cayley(Matrix skew) {
        Matrix identity = Matrix.identity(skew.rows());
        return identity.plus(skew.scaled(-1)).times(identity.plus(skew).inverse());
    }

    /**
     * I + 2 Q + 2 Q^2 + ... + Q^(terms - 1), the start of (I + Q) (I - Q)^-1: PEFT's other rotations turn the other way. The
     * last power counts once; there is one from the third on, so that three terms are four.
     */
    private static Matrix series(Matrix skew, int terms) {
        Matrix sum = Matrix.identity(skew.rows());
        if (terms < 2) {
            return sum;
        }
        sum = sum.plus(skew.scaled(2));
        if (terms < 3) {
            return sum;
        }
        Matrix power = skew.times(skew);
        sum = sum.plus(power.scaled(2));
        for (int exponent = 3; exponent < terms - 1; exponent++) {
            power = power.times(skew);
            sum = sum.plus(power.scaled(2));
        }
        return sum.plus(power.times(skew));
    }

    private static Matrix boft(Factors factors, Matrix inputs) {
        Shape shape = factors.shape(PEFT_BOFT_R);
        int perStage = Math.toIntExact(shape.dim(1));
        int size = Math.toIntExact(shape.dim(2));
        double[] values = factors.values(PEFT_BOFT_R);
        Matrix rotated = inputs;
        int span = size;
        for (int from = 0; from < values.length; from += perStage * size * size) {
            List<Matrix> blocks = new ArrayList<>();
            for (int block = 0; block < perStage; block++) {
                blocks.add(cayley(halfSkew(values, from + block * size * size, size)));
            }
            rotated = span == size
                    ? Rotation.diagonal(blocks, size, rotated)
                    : Rotation.rotated(blocks, size, rotated, butterfly(inputs.rows(), span, size / 2));
            span *= 2;
        }
        return rotated;
    }

    /** (X - X^T) / 2. */
    private static Matrix halfSkew(double[] values, int from, int size) {
        Matrix skew = Matrix.zeros(size, size);
        for (int row = 0; row < size; row++) {
            for (int column = 0; column < size; column++) {
                skew.add(row, column, (values[from + row * size + column] - values[from + column * size + row]) / 2);
            }
        }
        return skew;
    }

    /** Where the rows of each span stand that blocks rotate: pieces of them, in turn from its first and its second half. */
    private static int[] butterfly(int rows, int span, int piece) {
        int[] order = new int[rows];
        for (int row = 0; row < rows; row++) {
            int within = row % span;
            int number = within / piece;
            order[row] = row - within + (number % 2 * (span / piece / 2) + number / 2) * piece + within % piece;
        }
        return order;
    }
}

package io.doraxis.merge;

import static io.doraxis.adapter.Role.IA3_VECTOR;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.merge.MergeRefusedException.Code;
import io.doraxis.tensorfile.Shape;
import java.util.Optional;

/**
 * IA3 as PEFT 0.21.2 merges it: a factor for each input of a feed-forward layer; of any other for each output, by which its
 * bias is scaled too.
 */
final class PeftIa3 {
    private PeftIa3() {}

    static boolean isOne(AdapterModule module) {
        return module.tensors().has(IA3_VECTOR);
    }

    /**
     * How a vector lies on a weight: along its inputs in a feed-forward layer, else along its outputs.
     *
     * @param weight as the module has it
     * @param config null without one
     * @throws MergeRefusedException if it does not fit, or could lie both ways
     */
    static Orientation orientation(AdapterModule module, Shape weight, PeftConfig config) throws MergeRefusedException {
        Optional<Boolean> said = config == null ? Optional.empty() : config.isFeedforward(module.peftPath());
        Shape vector = module.tensors().shape(IA3_VECTOR);
        boolean fanInFanOut = config != null && config.fanInFanOut();
        Orientation input =
                weight.rank() == 2 ? linearInput(vector, weight, fanInFanOut) : convolutionInput(vector, weight);
        Orientation output =
                weight.rank() == 2 ? linearOutput(vector, weight, fanInFanOut) : convolutionOutput(vector, weight);
        if (said.isPresent()) {
            input = said.get() ? input : null;
            output = said.get() ? null : output;
        }
        if (input == null && output == null) {
            throw new MergeRefusedException(
                    Code.SHAPE_MISMATCH,
                    "%s: the base weight is %s, the vector%s is %s"
                            .formatted(module.name(), weight, described(said), vector));
        }
        if (input != null && output != null) {
            throw new MergeRefusedException(
                    Code.UNSUPPORTED_MODULE,
                    module.name() + ": whether the vector scales inputs or outputs only feedforward_modules of"
                            + " adapter_config.json can tell");
        }
        return input != null ? input : output;
    }

    private static String described(Optional<Boolean> feedforward) {
        return feedforward.map(is -> is ? " for inputs" : " for outputs").orElse("");
    }

    /** [1, in] for a weight [out, in], or [in, out] as GPT-2 keeps it; null if it does not fit. */
    private static Orientation linearInput(Shape vector, Shape weight, boolean fanInFanOut) {
        return vector.rank() == 2 && vector.dim(0) == 1
                ? linear(ModuleAxis.INPUT, vector.dim(1), weight.dim(1), weight.dim(0), fanInFanOut)
                : null;
    }

    /** [out, 1] for a weight [out, in], or [in, out]; null if it does not fit. */
    private static Orientation linearOutput(Shape vector, Shape weight, boolean fanInFanOut) {
        return vector.rank() == 2 && vector.dim(1) == 1
                ? linear(ModuleAxis.OUTPUT, vector.dim(0), weight.dim(0), weight.dim(1), fanInFanOut)
                : null;
    }

    private static Orientation linear(ModuleAxis axis, long length, long straight, long swapped, boolean fanInFanOut) {
        if (length == swapped && (fanInFanOut || length != straight)) {
            return new Orientation(axis, true);
        }
        return length == straight ? new Orientation(axis, false) : null;
    }

    /** [1, in, 1...], all groups of a grouped one; null if it does not fit. */
    private static Orientation convolutionInput(Shape vector, Shape weight) {
        if (!isConvolution(vector, weight)) {
            return null;
        }
        long perGroup = weight.dim(1);
        boolean fits = perGroup > 0
                && vector.dim(1) % perGroup == 0
                && vector.dim(1) > 0
                && weight.dim(0) % (vector.dim(1) / perGroup) == 0;
        return fits ? new Orientation(ModuleAxis.INPUT, false) : null;
    }

    /** [1, out, 1...]; null if it does not fit. */
    private static Orientation convolutionOutput(Shape vector, Shape weight) {
        return isConvolution(vector, weight) && vector.dim(1) == weight.dim(0)
                ? new Orientation(ModuleAxis.OUTPUT, false)
                : null;
    }

    /** PEFT knows those of two and three dimensions. */
    private static boolean isConvolution(Shape vector, Shape weight) {
        return (weight.rank() == 4 || weight.rank() == 5)
                && vector.rank() == weight.rank()
                && vector.dim(0) == 1
                && vector.from(2).elements() == 1;
    }

    /**
     * The merged weight.
     *
     * @param base [out, in * kernel]
     */
    static Matrix weight(Factors factors, Matrix base, int kernel, ModuleAxis axis) {
        double[] scales = factors.values(IA3_VECTOR);
        if (axis == ModuleAxis.OUTPUT) {
            return WeightDecomposition.scaled(base, scales, axis, kernel);
        }
        int inputs = base.columns() / kernel;
        int rowsPerGroup = base.rows() / (scales.length / inputs);
        Matrix scaled = Matrix.zeros(base.rows(), base.columns());
        for (int row = 0; row < base.rows(); row++) {
            int group = row / rowsPerGroup * inputs;
            for (int column = 0; column < base.columns(); column++) {
                scaled.add(row, column, base.at(row, column) * scales[group + column / kernel]);
            }
        }
        return scaled;
    }

    /** The merged bias of a layer whose vector scales outputs. */
    static double[] bias(Factors factors, double[] base) {
        double[] scales = factors.values(IA3_VECTOR);
        double[] scaled = new double[base.length];
        for (int i = 0; i < base.length; i++) {
            scaled[i] = base[i] * scales[i];
        }
        return scaled;
    }
}

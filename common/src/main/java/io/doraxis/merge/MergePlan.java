package io.doraxis.merge;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.PeftTransform;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorInfo;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;

/**
 * What becomes of a base model's tensors; those that are not named are copied.
 *
 * @param adapters how many there are
 * @param weights the modules of each weight, by its name, in the order in which they are merged
 * @param biases the modules of each bias, by its name
 * @param replaced tensors of adapters that take the place of the base's, by its name (PEFT's {@code modules_to_save})
 * @param unmatched names of the adapters that match nothing in the base
 * @param notes what a user should know of the merge all the same
 */
public record MergePlan(
        int adapters,
        Map<String, List<Step>> weights,
        Map<String, List<Step>> biases,
        Map<String, Replacement> replaced,
        List<String> unmatched,
        List<String> notes) {

    /**
     * A module and its place.
     *
     * @param adapter which of the adapters it is from, from 0
     * @param axis of its magnitude, or of PEFT's IA3 vector; NONE without one
     * @param firstRow of the weight, or bias, that is the module's, from 0
     * @param rows how many of them
     * @param moduleRow of the module that is the first of them: not 0 where it fuses several weights
     * @param transposed whether the base keeps the weight as [in, out]: embeddings, GPT-2's Conv1D; then its rows are
     *     inputs
     * @param transform what the configuration says of PEFT's IA3 and OFT; null without one
     */
    public record Step(
            int adapter,
            AdapterModule module,
            ModuleAxis axis,
            Strength strength,
            int firstRow,
            int rows,
            int moduleRow,
            boolean transposed,
            PeftTransform transform) {
        /** The same on the bias of the layer, which has that many outputs. */
        Step ofBias(int outputs) {
            return new Step(adapter, module, axis, strength, firstRow, outputs, moduleRow, transposed, transform);
        }
    }

    /** A whole tensor of an adapter. */
    public record Replacement(int adapter, TensorInfo tensor) {}

    /** Whether a tensor of the base changes. */
    public boolean touches(String name) {
        return weights.containsKey(name) || biases.containsKey(name) || replaced.containsKey(name);
    }

    /** How many tensors of the base change. */
    public int touched() {
        return weights.size() + biases.size() + replaced.size();
    }

    /** Whether a weight can be merged by blocks of its rows; another one needs {@link #whole}. */
    public boolean isMergedByRows(String name) {
        return weights.get(name).stream().allMatch(step -> RowMerge.isPossible(step.module()));
    }

    /** Whether a weight's blocks can be merged one after the other, without a pass over all of them before. */
    public boolean isMergedInOnePass(String name) {
        return isMergedByRows(name) && weights.get(name).stream().noneMatch(RowMerge::needsNorms);
    }

    /** The tensors of one adapter that a tensor of the base is merged with. */
    public List<TensorInfo> factors(String name, int adapter) {
        List<TensorInfo> factors = new ArrayList<>();
        for (Map<String, List<Step>> steps : List.of(weights, biases)) {
            for (Step step : steps.getOrDefault(name, List.of())) {
                if (step.adapter == adapter) {
                    factors.addAll(step.module.tensors().all());
                }
            }
        }
        Replacement replacement = replaced.get(name);
        if (replacement != null && replacement.adapter == adapter) {
            factors.add(replacement.tensor);
        }
        return factors;
    }

    /**
     * A weight's merge by blocks of its rows.
     *
     * @param shape of the base weight
     * @param data of each adapter
     * @throws IllegalArgumentException if the factors are not there
     */
    public WeightMerge byRows(String name, Shape shape, IntFunction<TensorData> data) {
        return WeightMerge.of(weights.get(name), shape, data);
    }

    /**
     * A weight with its modules merged in, in float64: several times its size in memory.
     *
     * @param base [out, in * kernel] as stored
     * @param kernel kernel positions per input
     * @param data of each adapter
     * @throws IllegalArgumentException if the factors do not fit
     */
    public Matrix whole(String name, Matrix base, int kernel, IntFunction<TensorData> data) {
        Matrix merged = base;
        for (Step step : weights.get(name)) {
            Matrix part = merged.rowRange(step.firstRow, step.rows);
            Matrix oriented = step.transposed ? part.transposed() : part;
            Matrix result = MergedLayer.weight(
                    oriented, kernel, step.module, step.axis, data.apply(step.adapter), step.strength, step.transform);
            merged = merged.withRows(step.firstRow, step.transposed ? result.transposed() : result);
        }
        return merged;
    }

    /** A bias with its modules merged in. */
    public double[] bias(String name, double[] base, IntFunction<TensorData> data) {
        double[] merged = base.clone();
        for (Step step : biases.get(name)) {
            double[] own = Arrays.copyOfRange(merged, step.firstRow, step.firstRow + step.rows);
            double[] made = MergedLayer.bias(own, step.module, data.apply(step.adapter), step.strength);
            System.arraycopy(made, 0, merged, step.firstRow, made.length);
        }
        return merged;
    }
}

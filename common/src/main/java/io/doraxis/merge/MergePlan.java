package io.doraxis.merge;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorInfo;
import java.util.List;
import java.util.Map;

/**
 * What becomes of a base model's tensors; those that are not named are copied.
 *
 * @param weights the modules of each weight, by its name
 * @param biases the modules of each bias, by its name
 * @param replaced tensors of the adapter that take the place of the base's, by its name (PEFT's {@code modules_to_save})
 * @param unmatched names of the adapter that match nothing in the base
 */
public record MergePlan(
        Map<String, List<Step>> weights,
        Map<String, List<Step>> biases,
        Map<String, TensorInfo> replaced,
        List<String> unmatched,
        Strength strength) {

    /**
     * A module and its place.
     *
     * @param axis of its magnitude; NONE without one
     * @param firstRow of the weight that is the module's, from 0
     * @param rows how many of them
     * @param transposed whether the base keeps the weight as [in, out]: embeddings, GPT-2's Conv1D
     */
    public record Step(AdapterModule module, ModuleAxis axis, int firstRow, int rows, boolean transposed) {}

    /** Whether a tensor of the base changes. */
    public boolean touches(String name) {
        return weights.containsKey(name) || biases.containsKey(name) || replaced.containsKey(name);
    }

    /** How many tensors of the base change. */
    public int touched() {
        return weights.size() + biases.size() + replaced.size();
    }

    /**
     * A weight with its modules merged in.
     *
     * @param base [out, in * kernel] as stored
     * @param kernel kernel positions per input
     * @throws IllegalArgumentException if the factors do not fit
     */
    public Matrix weight(String name, Matrix base, int kernel, TensorData data) {
        Matrix merged = base;
        for (Step step : weights.get(name)) {
            Matrix part = merged.rowRange(step.firstRow, step.rows);
            Matrix oriented = step.transposed ? part.transposed() : part;
            Matrix result = MergedLayer.weight(oriented, kernel, step.module, step.axis, data, strength);
            merged = merged.withRows(step.firstRow, step.transposed ? result.transposed() : result);
        }
        return merged;
    }

    /** A bias with its modules merged in. */
    public double[] bias(String name, double[] base, TensorData data) {
        double[] merged = base;
        for (Step step : biases.get(name)) {
            merged = MergedLayer.bias(merged, step.module, data, strength);
        }
        return merged;
    }
}

package io.doraxis.merge;

import io.doraxis.merge.MergePlan.Step;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorData;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;

/**
 * The merge of one weight, by blocks of its rows in float32. Norms that run over all rows are taken beforehand, in a pass
 * for each of {@link #passes()}: every block is shown to {@link #squares}, then all that came out to {@link #setNorms}.
 * Blocks of a pass may be computed at the same time and in any order; which rows are a block decides the last bits of the
 * norms, so it must not depend on how many are computed at a time.
 */
public final class WeightMerge {
    private final List<RowMerge> modules;
    private final List<Integer> withNorms = new ArrayList<>();

    private WeightMerge(List<RowMerge> modules) {
        this.modules = modules;
        for (int i = 0; i < modules.size(); i++) {
            if (RowMerge.needsNorms(modules.get(i).step())) {
                withNorms.add(i);
            }
        }
    }

    static WeightMerge of(List<Step> steps, Shape weight, IntFunction<TensorData> data) {
        int kernel = Math.toIntExact(weight.from(2).elements());
        int columns = Math.toIntExact(weight.from(1).elements());
        List<RowMerge> modules = new ArrayList<>(steps.size());
        for (Step step : steps) {
            modules.add(RowMerge.of(step, columns, kernel, data.apply(step.adapter())));
        }
        return new WeightMerge(modules);
    }

    /** Passes over all blocks that come before the one that merges. */
    public int passes() {
        return withNorms.size();
    }

    /**
     * What a block of rows adds to a pass.
     *
     * @param block of the base weight, {@code firstRow} first; overwritten
     */
    public double[] squares(int pass, FloatMatrix block, int firstRow, TensorKernel products)
            throws MergeRefusedException {
        int module = withNorms.get(pass);
        for (RowMerge before : modules.subList(0, module)) {
            before.merge(block, firstRow, products);
        }
        return modules.get(module).squares(block, firstRow, products);
    }

    /** Ends a pass. */
    public void setNorms(int pass, List<double[]> blocks) {
        modules.get(withNorms.get(pass)).setNorms(blocks);
    }

    /**
     * Merges all modules into a block of rows, in place.
     *
     * @param block of the base weight, {@code firstRow} first
     * @throws MergeRefusedException if a norm is zero where the program that wrote the adapter divides by it
     */
    public void merge(FloatMatrix block, int firstRow, TensorKernel products) throws MergeRefusedException {
        for (RowMerge module : modules) {
            module.merge(block, firstRow, products);
        }
    }
}

package io.doraxis.peft;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Role;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.merge.DirectionNorms;
import io.doraxis.merge.FactoredDelta;
import io.doraxis.merge.Matrix;
import io.doraxis.peft.PeftTensor.Computed;
import io.doraxis.peft.PeftTensor.Number;
import io.doraxis.peft.PeftTensor.Scaled;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorInfo;
import java.util.Arrays;

/** What is computed of one module for its tensors in PEFT's layout, in float64. */
public final class ModuleValues {
    private final AdapterModule module;
    private final TensorData data;
    private final ModuleAxis axis;
    private final DirectionNorms norms;
    private FactoredDelta factored;

    /**
     * @param axis of the norms
     * @param norms null where the module's tensors need none
     */
    public ModuleValues(AdapterModule module, TensorData data, ModuleAxis axis, DirectionNorms norms) {
        this.module = module;
        this.data = data;
        this.axis = axis;
        this.norms = norms;
    }

    /**
     * A tensor's values, in the order of its shape.
     *
     * @param tensor one that is computed
     * @throws IllegalArgumentException if factors are not there
     */
    public double[] of(PeftTensor tensor) {
        if (tensor.source() instanceof Number number) {
            return new double[] {number.value()};
        }
        if (tensor.source() instanceof Scaled scaled) {
            return Arrays.stream(stored(scaled.tensor()))
                    .map(value -> value * scaled.factor())
                    .toArray();
        }
        int length = Math.toIntExact(tensor.shape().elements());
        int columns = Math.toIntExact(tensor.shape().from(1).elements());
        double[] values = new double[length];
        switch (((Computed) tensor.source()).value()) {
            case ZEROS -> {}
            case LEFT -> values = factored().left().values();
            case SCALED_LEFT ->
                values = factored().left().scaled(module.scale()).values();
            case RIGHT -> values = factored().right().values();
            case ROW_NORMS -> values = norms.norms();
            case FACTORS -> values = norms.factors();
            case ONE_MORE -> values = oneMore();
            case GLORA_A_LEFT -> {
                double[] rows = lessOne(ModuleAxis.OUTPUT, length / columns);
                for (int row = 0; row < rows.length; row++) {
                    values[row * columns] = rows[row];
                }
            }
            case GLORA_A_RIGHT -> {
                double[] inputs = lessOne(ModuleAxis.INPUT, columns);
                System.arraycopy(inputs, 0, values, 0, inputs.length);
            }
            case GLORA_B_LEFT -> scaleLeft(values, columns);
            case GLORA_B_RIGHT -> scaleRight(values, columns);
        }
        return values;
    }

    private FactoredDelta factored() {
        if (factored == null) {
            factored = FactoredDelta.of(module, data);
        }
        return factored;
    }

    /** What is added to one along an axis: ones along the other one; zeros where nothing is scaled. */
    private double[] lessOne(ModuleAxis wanted, int length) {
        double[] values = new double[length];
        if (norms == null) {
            return values;
        }
        Arrays.fill(values, 1);
        return axis == wanted
                ? Arrays.stream(norms.factors()).map(factor -> factor - 1).toArray()
                : values;
    }

    private double[] factors(ModuleAxis wanted, int length) {
        if (norms != null && axis == wanted) {
            return norms.factors();
        }
        double[] ones = new double[length];
        Arrays.fill(ones, 1);
        return ones;
    }

    /** The scaled left factor, in as many of the columns as it has. */
    private void scaleLeft(double[] values, int columns) {
        Matrix left = factored().left();
        double[] factors = factors(ModuleAxis.OUTPUT, left.rows());
        for (int row = 0; row < left.rows(); row++) {
            for (int column = 0; column < left.columns(); column++) {
                values[row * columns + column] = module.scale() * factors[row] * left.at(row, column);
            }
        }
    }

    /** The right factor, in as many of the rows as it has. */
    private void scaleRight(double[] values, int columns) {
        Matrix right = factored().right();
        double[] factors = factors(ModuleAxis.INPUT, columns);
        for (int row = 0; row < right.rows(); row++) {
            for (int column = 0; column < columns; column++) {
                values[row * columns + column] = right.at(row, column) * factors[column];
            }
        }
    }

    private double[] oneMore() {
        return Arrays.stream(stored(module.tensors().get(Role.WEIGHT)))
                .map(value -> 1 + value)
                .toArray();
    }

    private double[] stored(TensorInfo tensor) {
        return data.bytes(tensor)
                .map(bytes -> FloatDecoder.doubles(
                        tensor.dtype(), bytes, Math.toIntExact(tensor.shape().elements())))
                .orElseThrow(() -> new IllegalArgumentException("the values of " + tensor.name() + " are not there"));
    }
}

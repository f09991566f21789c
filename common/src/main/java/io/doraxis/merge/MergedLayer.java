package io.doraxis.merge;

import static io.doraxis.adapter.Role.B_NORM;
import static io.doraxis.adapter.Role.DIFF;
import static io.doraxis.adapter.Role.DIFF_BIAS;
import static io.doraxis.adapter.Role.GLORA_A1;
import static io.doraxis.adapter.Role.GLORA_A2;
import static io.doraxis.adapter.Role.GLORA_B1;
import static io.doraxis.adapter.Role.GLORA_B2;
import static io.doraxis.adapter.Role.IA3_ON_INPUT;
import static io.doraxis.adapter.Role.UP_BIAS;
import static io.doraxis.adapter.Role.WEIGHT;
import static io.doraxis.adapter.Role.W_NORM;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.PeftTransform;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorInfo;
import java.util.stream.Stream;

/** A layer's weight and bias with an adapter merged in, in float64. */
public final class MergedLayer {
    private MergedLayer() {}

    /**
     * The merged weight.
     *
     * @param base the base weight, [out, in * kernel]
     * @param kernel kernel positions per input: 1 for a linear layer
     * @param axis of the module's magnitude, resolved; not used without one
     * @param strength with a rule where the module has a magnitude and it is not 1
     * @param transform what the configuration says of PEFT's IA3 and OFT; not used for anything else
     * @throws IllegalArgumentException if tensors do not fit the layer, or the algorithm cannot be rebuilt from the file
     */
    static Matrix weight(
            Matrix base,
            int kernel,
            AdapterModule module,
            ModuleAxis axis,
            TensorData data,
            Strength strength,
            PeftTransform transform) {
        Factors factors = new Factors(module, data);
        double value = strength.value();
        if (PeftRotation.isOne(module)) {
            return part(base, PeftRotation.of(factors, base, transform), value);
        }
        if (PeftIa3.isOne(module)) {
            return part(base, PeftIa3.weight(factors, base, kernel, axis), value);
        }
        return switch (module.algorithm()) {
            case LORA, LOHA, LOKR -> product(base, kernel, factors, axis, strength);
            case FULL -> base.plus(DeltaWeight.of(module, data).scaled(value));
            case NORM -> base.plus(new Matrix(base.rows(), 1, factors.values(W_NORM)).scaled(value));
            case GLORA -> glora(base, kernel, factors, value);
            case IA3 -> ia3(base, kernel, factors, value);
            case OFT, BOFT -> Rotation.of(factors, base, value);
            case TLORA -> throw new IllegalArgumentException("T-LoRA's initial product is not in the file");
        };
    }

    /** The merged bias: [out]. */
    static double[] bias(double[] base, AdapterModule module, TensorData data, Strength strength) {
        if (PeftIa3.isOne(module)) {
            Matrix merged = column(PeftIa3.bias(new Factors(module, data), base));
            return part(column(base), merged, strength.value()).values();
        }
        double scale = module.tensors().has(UP_BIAS) ? module.scale() : 1;
        return added(base, new Factors(module, data).values(bias(module)), strength.value() * scale);
    }

    /** The tensor that changes the layer's bias, [out]; the module must have one. */
    static TensorInfo bias(AdapterModule module) {
        return Stream.of(DIFF_BIAS, B_NORM, UP_BIAS)
                .filter(module.tensors()::has)
                .map(module.tensors()::get)
                .findFirst()
                .orElseThrow();
    }

    /** Whether a module changes its layer's weight. */
    static boolean hasWeight(AdapterModule module) {
        return switch (module.algorithm()) {
            case FULL -> module.tensors().has(DIFF);
            case NORM -> module.tensors().has(W_NORM);
            case LORA, LOHA, LOKR, GLORA, IA3, OFT, BOFT, TLORA -> true;
        };
    }

    /** Whether a module changes its layer's bias. */
    static boolean hasBias(AdapterModule module) {
        return module.tensors().hasAny(DIFF_BIAS, B_NORM, UP_BIAS);
    }

    private static Matrix product(Matrix base, int kernel, Factors factors, ModuleAxis axis, Strength strength) {
        AdapterModule module = factors.module();
        if (module.scale() == null) {
            throw new IllegalArgumentException("the scale of " + module.name() + " is not known");
        }
        Matrix delta = DeltaWeight.of(module, factors.data()).scaled(module.scale());
        if (!module.hasDora()) {
            return base.plus(delta.scaled(strength.value()));
        }
        double[] magnitude = factors.values(module.magnitude().tensor());
        double epsilon = WeightDecomposition.epsilon(module.magnitude());
        if (strength.value() != 1 && strength.rule() == Strength.Rule.PEFT) {
            Matrix direction = base.plus(delta.scaled(strength.value()));
            return WeightDecomposition.of(direction, magnitude, axis, kernel, epsilon);
        }
        Matrix direction = base.plus(delta);
        Matrix merged = WeightDecomposition.of(direction, magnitude, axis, kernel, epsilon);
        // both rules go part of the way to the merged weight: from the direction, or from the base weight
        return part(strength.rule() == Strength.Rule.LYCORIS ? direction : base, merged, strength.value());
    }

    /** Part of the way from one to the other. */
    private static Matrix part(Matrix from, Matrix to, double strength) {
        return strength == 1 ? to : from.plus(to.plus(from.scaled(-1)).scaled(strength));
    }

    private static Matrix column(double[] values) {
        return new Matrix(values.length, 1, values);
    }

    private static double[] added(double[] bias, double[] sum, double scale) {
        if (sum.length != bias.length) {
            throw new IllegalArgumentException(sum.length + " values for a bias of " + bias.length);
        }
        for (int i = 0; i < sum.length; i++) {
            sum[i] = bias[i] + scale * sum[i];
        }
        return sum;
    }

    /** W0 + s (W0 A + B) with A = a1 a2 over the inputs and B = b1 b2 (LyCORIS 4.1.3). */
    private static Matrix glora(Matrix base, int kernel, Factors factors, double strength) {
        Matrix inputs = factors.matrix(GLORA_A1).times(factors.matrix(GLORA_A2));
        Matrix mixed = Matrix.zeros(base.rows(), base.columns());
        for (int row = 0; row < base.rows(); row++) {
            for (int from = 0; from < inputs.rows(); from++) {
                for (int to = 0; to < inputs.columns(); to++) {
                    for (int at = 0; at < kernel; at++) {
                        mixed.add(row, to * kernel + at, base.at(row, from * kernel + at) * inputs.at(from, to));
                    }
                }
            }
        }
        Matrix added = factors.matrix(GLORA_B1).times(factors.matrix(GLORA_B2));
        return base.plus(mixed.plus(added).scaled(strength * factors.module().scale()));
    }

    /** W0 (1 + w), with w along the inputs or the outputs (LyCORIS 4.1.3). */
    private static Matrix ia3(Matrix base, int kernel, Factors factors, double strength) {
        boolean onInput = factors.data()
                        .scalar(factors.module().tensors().get(IA3_ON_INPUT))
                        .orElseThrow(() -> new IllegalArgumentException("on_input is not there"))
                != 0;
        double[] scales = factors.values(WEIGHT);
        int wanted = onInput ? base.columns() / kernel : base.rows();
        if (scales.length != wanted) {
            throw new IllegalArgumentException(scales.length + " scales for " + wanted);
        }
        for (int i = 0; i < scales.length; i++) {
            scales[i] = 1 + strength * scales[i];
        }
        return WeightDecomposition.scaled(base, scales, onInput ? ModuleAxis.INPUT : ModuleAxis.OUTPUT, kernel);
    }
}

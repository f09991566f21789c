package io.doraxis.consumer;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.fixtures.GoldenCase;
import io.doraxis.fixtures.GoldenCase.Values;
import io.doraxis.fixtures.Json;
import io.doraxis.merge.DeltaWeight;
import io.doraxis.merge.Matrix;
import io.doraxis.merge.WeightDecomposition;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorInfo;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The predictions for programs that cannot be run here: their formulas, written afresh, applied to the weights of the
 * golden adapters. What a formula raises, the program logs, and goes on without that layer.
 */
class PortedConsumersTest {
    private static final String WORTH = "merged.safetensors";
    private static final double EXACT = 1e-5;
    private static final double APPROXIMATE = 1e-2;

    /** How a program decomposes a weight; empty where its tensors do not broadcast. */
    private interface Port {
        Weight decompose(Weight base, Weight delta, double scale, Weight magnitude) throws ShapeMismatch;
    }

    private static final class ShapeMismatch extends Exception {
        private static final long serialVersionUID = 1;
    }

    private static final Map<String, Port> PORTS = Map.of(
            "comfyui@2025-03", (base, delta, scale, magnitude) -> byColumns(base.plus(delta, scale), magnitude),
            "comfyui@2025-10", PortedConsumersTest::byShapeAndBaseNorm,
            "forge@input-only", (base, delta, scale, magnitude) -> byColumns(base.plus(delta, scale), magnitude),
            "forge@w0-norm", PortedConsumersTest::byShapeAndBaseNorm,
            "a1111@1.10", (base, delta, scale, magnitude) -> byColumns(base.plus(delta, scale), magnitude),
            "sdnext@2025-old",
                    (base, delta, scale, magnitude) ->
                            base.plus(byColumns(base.plus(delta, 1), magnitude).plus(base, -1), scale),
            "sdnext@2025-new",
                    (base, delta, scale, magnitude) ->
                            base.plus(byShape(base.plus(delta, 1), magnitude).plus(base, -1), scale));

    /** The norms of the columns of the sum, whatever the magnitude's shape. */
    private static Weight byColumns(Weight sum, Weight magnitude) throws ShapeMismatch {
        return sum.times(magnitude, sum.norms(ModuleAxis.INPUT));
    }

    /** The norms of the rows of the base weight where the magnitude's first dimension is the number of outputs. */
    private static Weight byShapeAndBaseNorm(Weight base, Weight delta, double scale, Weight magnitude)
            throws ShapeMismatch {
        Weight sum = base.plus(delta, scale);
        boolean output = magnitude.shape.dim(0) == base.shape.dim(0);
        return sum.times(magnitude, output ? base.norms(ModuleAxis.OUTPUT) : sum.norms(ModuleAxis.INPUT));
    }

    /** The norms of the rows of the sum where the magnitude has one element for each; flat on a square layer: columns. */
    private static Weight byShape(Weight sum, Weight magnitude) throws ShapeMismatch {
        boolean flat = magnitude.shape.rank() == 1;
        boolean output = magnitude.shape.dim(0) == sum.shape.dim(0) && !(flat && sum.shape.dim(0) == sum.shape.dim(1));
        return sum.times(magnitude, sum.norms(output ? ModuleAxis.OUTPUT : ModuleAxis.INPUT));
    }

    /** A tensor in float64 with the broadcasting of torch. */
    private record Weight(Shape shape, double[] values) {
        static Weight of(Values values) {
            return new Weight(values.shape(), values.numbers());
        }

        Matrix matrix() {
            int rows = (int) shape.dim(0);
            return new Matrix(rows, values.length / rows, values);
        }

        Weight plus(Weight other, double scale) {
            double[] sum = new double[values.length];
            for (int i = 0; i < sum.length; i++) {
                sum[i] = values[i] + scale * other.values[i];
            }
            return new Weight(shape, sum);
        }

        Weight norms(ModuleAxis axis) {
            long[] dims = new long[shape.rank()];
            Arrays.fill(dims, 1);
            int kept = axis == ModuleAxis.OUTPUT ? 0 : 1;
            dims[kept] = shape.dim(kept);
            return new Weight(Shape.of(dims), WeightDecomposition.norms(matrix(), axis, (int)
                    shape.from(2).elements()));
        }

        /** This times magnitude / norms; the quotient must broadcast to this one's shape. */
        Weight times(Weight magnitude, Weight norms) throws ShapeMismatch {
            double[] product = new double[values.length];
            for (int i = 0; i < product.length; i++) {
                product[i] = values[i] * magnitude.at(shape, i) / norms.at(shape, i);
            }
            return new Weight(shape, product);
        }

        /** The element that meets that one of a wider tensor. */
        private double at(Shape wide, int index) throws ShapeMismatch {
            int place = 0;
            int stride = 1;
            int rest = index;
            for (int i = 1; i <= wide.rank(); i++) {
                int position = rest % (int) wide.dim(wide.rank() - i);
                rest /= (int) wide.dim(wide.rank() - i);
                long own = i <= shape.rank() ? shape.dim(shape.rank() - i) : 1;
                if (own != 1 && own != wide.dim(wide.rank() - i)) {
                    throw new ShapeMismatch();
                }
                place += own == 1 ? 0 : position * stride;
                stride *= (int) own;
            }
            return values[place];
        }
    }

    /** What a port does to a file: its outcome and largest error. */
    private record Effect(Outcome outcome, double error) {}

    private static Effect effect(GoldenCase golden, Port port, String worth) throws Exception {
        AdapterIndex adapter = golden.adapter();
        Map<String, Values> base = golden.tensors("base.safetensors");
        Map<String, Values> expected = golden.tensors(worth);
        double worst = 0;
        int skipped = 0;
        for (Json entry : golden.truth().get("modules").items()) {
            AdapterModule module = adapter.modules().get(golden.position(adapter, entry));
            String key = entry.get("weight_key").text();
            Weight before = Weight.of(base.get(key));
            Weight delta = new Weight(
                    before.shape, DeltaWeight.of(module, golden.data()).values());
            Weight after;
            try {
                after = module.hasDora()
                        ? port.decompose(before, delta, module.scale(), magnitude(golden, module))
                        : before.plus(delta, module.scale());
            } catch (ShapeMismatch e) {
                skipped++;
                after = before;
            }
            worst = Math.max(worst, expected.get(key).error(after.values));
        }
        if (skipped == adapter.modules().size()) {
            return new Effect(Outcome.REJECTS, worst);
        }
        Outcome wrong = skipped > 0 ? Outcome.PARTIAL : Outcome.SILENTLY_WRONG;
        return new Effect(worst <= EXACT ? Outcome.EXACT : worst <= APPROXIMATE ? Outcome.APPROXIMATE : wrong, worst);
    }

    private static Weight magnitude(GoldenCase golden, AdapterModule module) {
        TensorInfo tensor = module.magnitude().tensor();
        int count = (int) tensor.shape().elements();
        return new Weight(
                tensor.shape(),
                FloatDecoder.doubles(tensor.dtype(), golden.data().bytes(tensor).orElseThrow(), count));
    }

    private record Claim(String program, String golden) {
        @Override
        public String toString() {
            return program + " " + golden;
        }

        Effect effect(GoldenCase file) throws Exception {
            return PortedConsumersTest.effect(file, PORTS.get(program), WORTH);
        }
    }

    /** Every prediction for a golden adapter of products on a base in float32. */
    private static List<Claim> claims() throws Exception {
        List<Claim> claims = new ArrayList<>();
        for (String folder : GoldenCase.names()) {
            for (String name : List.of(folder, folder + " as lora_unet_")) {
                GoldenCase golden = GoldenCase.of(name);
                if (isOfProducts(golden)) {
                    predict(golden).forEach((program, prediction) -> {
                        if (PORTS.containsKey(program) && prediction.outcome() != Outcome.UNKNOWN) {
                            claims.add(new Claim(program, name));
                        }
                    });
                }
            }
        }
        return claims;
    }

    private static boolean isOfProducts(GoldenCase golden) throws Exception {
        return golden.hasFile(WORTH)
                && golden.truth().get("multiplier").number() == 1
                && golden.tensors(WORTH).values().stream()
                        .allMatch(values -> values.tensor().dtype() == Dtype.F32)
                && golden.adapter().modules().stream().allMatch(module -> module.scale() != null);
    }

    private static Map<String, Prediction> predict(GoldenCase golden) {
        return AdapterFile.predict(golden.index(), golden.data(), golden.config());
    }

    @ParameterizedTest
    @MethodSource("claims")
    void theFormulaDoesWhatIsPredicted(Claim claim) throws Exception {
        GoldenCase golden = GoldenCase.of(claim.golden);
        Prediction prediction = predict(golden).get(claim.program);
        assertThat(prediction.outcome()).as(prediction.reason()).isEqualTo(claim.effect(golden).outcome);
    }

    @Test
    void reasonsStateTheErrorsOfTheGoldenAdapters() throws Exception {
        StatedErrors stated = new StatedErrors();
        for (Claim claim : claims()) {
            GoldenCase golden = GoldenCase.of(claim.golden);
            Prediction prediction = predict(golden).get(claim.program);
            if (prediction.outcome() == Outcome.SILENTLY_WRONG) {
                stated.add(prediction, claim.effect(golden).error);
            }
        }
        stated.check();
    }
}

package io.doraxis.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.dora.AxisClassifier;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.fixtures.GoldenCase;
import io.doraxis.fixtures.GoldenCase.Values;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.MalformedTensorFileException;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Merged weights against those of the real LyCORIS 4.1.3 and PEFT 0.21.2, in float32. */
class GoldenMergeTest {
    private static final double TOLERANCE = 1e-6;

    /** A file that holds too little. */
    private static final String NOT_REBUILT = "tlora_unsupported";

    /** The only file with names that the base does not have. */
    private static final String UNMATCHED = "extra_unknown_keys";

    static List<String> cases() throws Exception {
        return GoldenCase.names().stream()
                .filter(name -> !name.equals(NOT_REBUILT))
                .toList();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void theWeightsAreThoseOfTheLibrary(String name) throws Exception {
        GoldenCase golden = GoldenCase.of(name);
        if (golden.hasFile("merged.safetensors")) {
            check(golden, "merged.safetensors", null);
        } else {
            check(golden, "merged_if_input.safetensors", ModuleAxis.INPUT);
            check(golden, "merged_if_output.safetensors", ModuleAxis.OUTPUT);
        }
    }

    /** @param assumed the axis where the file does not tell; null where it does */
    private static void check(GoldenCase golden, String file, ModuleAxis assumed) throws Exception {
        Map<String, Values> expected = golden.tensors(file);
        isAsExpected(golden, expected, merged(golden, assumed));
        isAsExpected(golden, expected, mergedByRows(golden, assumed, new JavaKernel()));
        isAsExpected(golden, expected, mergedByRows(golden, assumed, new ReferenceKernel()));
    }

    private static void isAsExpected(GoldenCase golden, Map<String, Values> expected, Map<String, double[]> merged) {
        assertThat(merged.keySet()).containsAll(expected.keySet());
        expected.forEach((key, values) -> assertThat(values.error(merged.get(key)))
                .as("%s %s", golden.name(), key)
                .isLessThan(
                        values.tensor().dtype() == Dtype.F32
                                ? TOLERANCE
                                : unit(values.tensor().dtype())));
    }

    /** Half a unit in the last place of a type of half precision, at most, relative to the largest value. */
    private static double unit(Dtype dtype) {
        return dtype == Dtype.BF16 ? 0x1.1p-8 : 0x1.1p-11;
    }

    private static Map<String, double[]> merged(GoldenCase golden, ModuleAxis assumed)
            throws IOException, MalformedTensorFileException, MergeRefusedException {
        Map<String, Values> base = golden.tensors("base.safetensors");
        MergePlan plan = plan(golden, assumed, golden.name().equals(UNMATCHED));
        Map<String, double[]> merged = new HashMap<>();
        for (String weight : plan.weights().keySet()) {
            int kernel = (int) base.get(weight).shape().from(2).elements();
            merged.put(
                    weight,
                    plan.whole(weight, matrix(base.get(weight)), kernel, adapter -> golden.data())
                            .values());
        }
        for (String bias : plan.biases().keySet()) {
            merged.put(bias, plan.bias(bias, base.get(bias).numbers(), adapter -> golden.data()));
        }
        plan.replaced()
                .forEach((name, replacement) -> merged.put(name, Factors.values(replacement.tensor(), golden.data())));
        return merged;
    }

    /** The same, by blocks of three rows in float32 where that is possible. */
    private static Map<String, double[]> mergedByRows(GoldenCase golden, ModuleAxis assumed, TensorKernel kernel)
            throws IOException, MalformedTensorFileException, MergeRefusedException {
        Map<String, Values> base = golden.tensors("base.safetensors");
        MergePlan plan = plan(golden, assumed, golden.name().equals(UNMATCHED));
        Map<String, double[]> merged = merged(golden, assumed);
        for (String weight : plan.weights().keySet()) {
            if (plan.isMergedByRows(weight)) {
                Values values = base.get(weight);
                WeightMerge merge = plan.byRows(weight, values.shape(), adapter -> golden.data());
                merged.put(weight, byRows(merge, matrix(values), kernel));
            }
        }
        return merged;
    }

    private static double[] byRows(WeightMerge merge, Matrix base, TensorKernel kernel) throws MergeRefusedException {
        for (int pass = 0; pass < merge.passes(); pass++) {
            List<double[]> squares = new ArrayList<>();
            for (int row = 0; row < base.rows(); row += 3) {
                squares.add(merge.squares(pass, block(base, row), row, kernel));
            }
            merge.setNorms(pass, squares);
        }
        double[] merged = new double[base.values().length];
        for (int row = 0; row < base.rows(); row += 3) {
            FloatMatrix block = block(base, row);
            merge.merge(block, row, kernel);
            for (int i = 0; i < block.values().length; i++) {
                merged[row * base.columns() + i] = block.values()[i];
            }
        }
        return merged;
    }

    private static FloatMatrix block(Matrix base, int row) {
        return FloatMatrix.of(base.rowRange(row, Math.min(3, base.rows() - row)));
    }

    private static MergePlan plan(GoldenCase golden, ModuleAxis assumed, boolean allowUnmatched)
            throws IOException, MalformedTensorFileException, MergeRefusedException {
        AdapterIndex adapter = golden.adapter();
        CheckpointVerdict verdict = AxisClassifier.classify(adapter.modules(), adapter.claims(), golden.data());
        List<TensorInfo> tensors = golden.tensors("base.safetensors").values().stream()
                .map(Values::tensor)
                .toList();
        return MergePlanner.plan(
                new TensorIndex(tensors, Map.of(), 0, List.of()),
                List.of(new MergeAdapter(
                        golden.index(),
                        adapter,
                        verdict,
                        golden.config(),
                        new Strength(golden.truth().get("multiplier").number(), Strength.Rule.LYCORIS))),
                assumed,
                allowUnmatched);
    }

    @Test
    void anOpenAxisIsRefusedUnlessOneIsAssumed() throws Exception {
        GoldenCase golden = GoldenCase.of("all_square_1d");
        assertThat(refusal(golden)).isEqualTo(MergeRefusedException.Code.AXIS_AMBIGUOUS);
    }

    @Test
    void namesThatMatchNothingAreRefusedUnlessAllowed() throws Exception {
        GoldenCase golden = GoldenCase.of(UNMATCHED);
        assertThat(refusal(golden)).isEqualTo(MergeRefusedException.Code.UNMATCHED);
        assertThat(plan(golden, null, true).unmatched()).contains("emb_params", "lycoris_not_in_base_module");
    }

    @Test
    void whatTheFileDoesNotHoldIsRefused() throws Exception {
        assertThat(refusal(GoldenCase.of(NOT_REBUILT))).isEqualTo(MergeRefusedException.Code.UNSUPPORTED_MODULE);
    }

    private static MergeRefusedException.Code refusal(GoldenCase golden) {
        return catchThrowableOfType(MergeRefusedException.class, () -> plan(golden, null, false))
                .code();
    }

    private static Matrix matrix(Values values) {
        int rows = (int) values.shape().dimOrOne(0);
        return new Matrix(rows, values.numbers().length / rows, values.numbers());
    }
}

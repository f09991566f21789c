package io.doraxis.merge;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.dora.AxisClassifier;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.fixtures.GoldenCase;
import io.doraxis.fixtures.GoldenCase.Values;
import io.doraxis.fixtures.Json;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.MalformedTensorFileException;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Merged weights against those of the real LyCORIS 4.1.3 and PEFT 0.21.2, in float32. */
class GoldenMergeTest {
    private static final double TOLERANCE = 1e-6;

    /** Merged with another strength than 1; a base model's own weights in the adapter; a file that holds too little. */
    private static final Set<String> OTHERS = Set.of(
            "multiplier_dora", "multiplier_plain", "peft_modules_to_save", "peft_bias_lora_only", "tlora_unsupported");

    static List<String> cases() throws Exception {
        return GoldenCase.names().stream()
                .filter(name -> !OTHERS.contains(name))
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
        Map<String, double[]> merged = merged(golden, assumed);
        assertThat(merged.keySet()).containsAll(expected.keySet());
        expected.forEach((key, values) -> assertThat(error(merged.get(key), values))
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
            throws IOException, MalformedTensorFileException {
        Map<String, Values> base = golden.tensors("base.safetensors");
        AdapterIndex adapter = golden.adapter();
        CheckpointVerdict verdict = AxisClassifier.classify(adapter.modules(), adapter.claims(), golden.data());
        Map<String, double[]> merged = new HashMap<>();
        for (Json entry : golden.truth().get("modules").items()) {
            int position = golden.position(adapter, entry);
            AdapterModule module = adapter.modules().get(position);
            ModuleAxis axis = verdict.resolved(verdict.modules().get(position));
            Values weight = base.get(entry.get("weight_key").text());
            String bias = entry.get("path").text() + ".bias";
            boolean transposed = List.of("Embedding", "GPT2Conv1D")
                    .contains(entry.get("layer_type").text());
            Matrix stored = matrix(weight);
            int kernel = (int) weight.shape().from(2).elements();
            Matrix result = MergedLayer.weight(
                    transposed ? stored.transposed() : stored,
                    kernel,
                    module,
                    axis == ModuleAxis.AMBIGUOUS ? assumed : axis,
                    golden.data());
            merged.put(entry.get("weight_key").text(), (transposed ? result.transposed() : result).values());
            if (base.containsKey(bias)) {
                merged.put(bias, MergedLayer.bias(matrix(base.get(bias)).values(), module, golden.data()));
            }
        }
        return merged;
    }

    private static Matrix matrix(Values values) {
        double[] doubles = new double[values.floats().length];
        for (int i = 0; i < doubles.length; i++) {
            doubles[i] = values.floats()[i];
        }
        int rows = (int) values.shape().dimOrOne(0);
        return new Matrix(rows, doubles.length / rows, doubles);
    }

    private static double error(double[] actual, Values expected) {
        double difference = 0;
        double largest = 0;
        for (int i = 0; i < actual.length; i++) {
            difference = Math.max(difference, Math.abs(actual[i] - expected.floats()[i]));
            largest = Math.max(largest, Math.abs(expected.floats()[i]));
        }
        return difference / largest;
    }
}

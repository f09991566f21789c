package io.doraxis.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.within;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.dora.AxisClassifier;
import io.doraxis.fixtures.Adapters;
import io.doraxis.fixtures.GoldenCase;
import io.doraxis.fixtures.GoldenCase.Values;
import io.doraxis.fixtures.Resources;
import io.doraxis.merge.MergeRefusedException.Code;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** IA3, OFT and BOFT against what the real PEFT 0.21.2 merges, and what is refused of them. */
class PeftTransformsTest {
    private static final String SET = "peft_transforms";
    private static final Strength FULL = new Strength(1, null);
    private static final Strength HALF = new Strength(0.5, Strength.Rule.LINEAR);

    private static final String OFT =
            "{\"peft_type\":\"OFT\",\"oft_block_size\":4,\"peft_version\":\"0.21.2\",\"use_cayley_neumann\":true}";

    static List<String> cases() {
        return Resources.names(SET);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void everyTensorIsWhatPeftMerges(String name) throws Exception {
        GoldenCase golden = GoldenCase.of(SET, name);
        Map<String, Values> base = golden.tensors("base.safetensors");
        Map<String, Values> expected = golden.tensors("merged.safetensors");
        MergePlan plan = plan(golden, FULL);
        assertThat(expected.keySet()).isEqualTo(base.keySet());
        expected.forEach((key, values) -> assertThat(values.error(merged(plan, key, base.get(key), golden.data())))
                .as(key)
                .isLessThan(tolerance(values.tensor().dtype())));
    }

    /** Half a unit in the last place of a type of half precision, relative to the largest value. */
    private static double tolerance(Dtype dtype) {
        return switch (dtype) {
            case BF16 -> 0x1.1p-8;
            case F16 -> 0x1.1p-11;
            default -> 1e-6;
        };
    }

    private static MergePlan plan(GoldenCase golden, Strength strength) throws Exception {
        AdapterIndex adapter = golden.adapter();
        TensorIndex base = new TensorIndex(
                golden.tensors("base.safetensors").values().stream()
                        .map(Values::tensor)
                        .toList(),
                Map.of(),
                0,
                List.of());
        MergeAdapter given = new MergeAdapter(
                golden.index(),
                adapter,
                AxisClassifier.classify(adapter.modules(), adapter.claims(), golden.data()),
                golden.config(),
                strength);
        return MergePlanner.plan(base, List.of(given), null, false);
    }

    private static double[] merged(MergePlan plan, String name, Values base, TensorData data) {
        if (plan.weights().containsKey(name)) {
            int rows = (int) base.shape().dim(0);
            Matrix weight = new Matrix(rows, base.numbers().length / rows, base.numbers());
            int kernel = (int) base.shape().from(2).elements();
            return plan.whole(name, weight, kernel, adapter -> data).values();
        }
        return plan.biases().containsKey(name) ? plan.bias(name, base.numbers(), adapter -> data) : base.numbers();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void halfAStrengthGoesHalfTheWay(String name) throws Exception {
        GoldenCase golden = GoldenCase.of(SET, name);
        MergePlan whole = plan(golden, FULL);
        MergePlan half = plan(golden, HALF);
        golden.tensors("base.safetensors").forEach((key, base) -> {
            double[] to = merged(whole, key, base, golden.data());
            double[] middle = merged(half, key, base, golden.data());
            for (int i = 0; i < to.length; i++) {
                assertThat(middle[i]).as(key).isCloseTo((base.numbers()[i] + to[i]) / 2, within(1e-15));
            }
        });
    }

    @Test
    void aKernelUnderOftIsNoted() throws Exception {
        assertThat(plan(GoldenCase.of(SET, "oft"), FULL).notes())
                .containsExactly("merged as PEFT merges OFT into 1 convolutions, such as"
                        + " base_model.model.blocks.1.conv; with the adapter loaded PEFT computes something else");
        assertThat(plan(GoldenCase.of(SET, "boft"), FULL).notes()).isEmpty();
        assertThat(plan(GoldenCase.of(SET, "ia3"), FULL).notes()).isEmpty();
    }

    private static Code refusal(Strength strength, String shape, Adapters adapters, String config) throws IOException {
        long[] dims = Stream.of(shape.split(" ")).mapToLong(Long::parseLong).toArray();
        if (config != null) {
            adapters.config(config);
        }
        AdapterIndex index = adapters.adapter();
        MergeAdapter adapter = new MergeAdapter(
                adapters.index(),
                index,
                AxisClassifier.classify(index.modules(), index.claims(), adapters.data()),
                config == null ? null : PeftConfig.parse(config.getBytes(StandardCharsets.UTF_8)),
                strength);
        TensorIndex base = new Adapters()
                .tensor("m.weight", dims)
                .tensor("m.bias", dims[0])
                .index();
        MergeRefusedException refused = catchThrowableOfType(
                MergeRefusedException.class, () -> MergePlanner.plan(base, List.of(adapter), null, false));
        return refused == null ? null : refused.code();
    }

    @ParameterizedTest
    @CsvSource({
        "8 8, 2 6,", //
        "8 9, 2 6, SHAPE_MISMATCH",
        "8 8, 3 6, SHAPE_MISMATCH",
        "8 8, 2 7, SHAPE_MISMATCH",
        "8 8, 12, SHAPE_MISMATCH",
        "8 2 2 2, 2 6,",
        "8 4 1 2, 2 6, UNSUPPORTED_MODULE",
        "8 4 2, 2 6, UNSUPPORTED_MODULE",
        "8, 2 6, UNSUPPORTED_MODULE"
    })
    void rotationsMustFitTheInputs(String weight, String stored, Code expected) throws Exception {
        Adapters adapters = new Adapters().tensor("base_model.model.m.oft_R.weight", dims(stored));
        assertThat(refusal(FULL, weight, adapters, OFT)).isEqualTo(expected);
    }

    private static long[] dims(String shape) {
        return Stream.of(shape.split(" ")).mapToLong(Long::parseLong).toArray();
    }

    private static Adapters oft() {
        return new Adapters().tensor("base_model.model.m.oft_R.weight", 2, 6);
    }

    @Test
    void rotationsOfWhichTooLittleIsKnownAreRefused() throws Exception {
        assertThat(refusal(FULL, "8 8", oft(), null)).isEqualTo(Code.UNSUPPORTED_MODULE);
        assertThat(refusal(FULL, "8 8", oft(), "{\"peft_type\":\"OFT\",\"peft_version\":\"0.21.2\"}"))
                .isEqualTo(Code.UNSUPPORTED_MODULE);
        assertThat(refusal(FULL, "8 8", oft(), OFT.replace("0.21.2", "0.17.1"))).isEqualTo(Code.UNSUPPORTED_MODULE);
        assertThat(refusal(FULL, "8 8", oft(), "{\"peft_type\":\"OFT\",\"oft_block_size\":4}"))
                .isEqualTo(Code.UNSUPPORTED_MODULE);
        assertThat(refusal(FULL, "8 8", oft(), OFT.replace("0.21.2", "0.18.0"))).isNull();
        assertThat(refusal(FULL, "8 8", oft(), OFT.replace("0.21.2", "1.0"))).isNull();
        assertThat(refusal(FULL, "8 8", oft(), "{\"oft_block_size\":4,\"use_cayley_neumann\":false}"))
                .isNull();
    }

    @Test
    void aSharedBlockIsOne() throws Exception {
        String shared = OFT.replace("}", ",\"block_share\":true}");
        assertThat(refusal(FULL, "8 8", oft(), shared)).isEqualTo(Code.SHAPE_MISMATCH);
        Adapters one = new Adapters().tensor("base_model.model.m.oft_R.weight", 1, 6);
        assertThat(refusal(FULL, "8 8", one, OFT)).isEqualTo(Code.SHAPE_MISMATCH);
        Adapters again = new Adapters().tensor("base_model.model.m.oft_R.weight", 1, 6);
        assertThat(refusal(FULL, "8 8", again, shared)).isNull();
    }

    @ParameterizedTest
    @CsvSource({
        "1 2 4 4, 8 1,", //
        "2 4 2 2, 8 1,",
        "3 4 2 2, 8 1,",
        "4 4 2 2, 8 1, UNSUPPORTED_MODULE",
        "90 4 2 2, 8 1, UNSUPPORTED_MODULE",
        "2 8 1 1, 8 1, UNSUPPORTED_MODULE",
        "1 2 4 3, 8 1, SHAPE_MISMATCH",
        "1 2 2 2, 8 1, SHAPE_MISMATCH",
        "2 4 4, 8 1, SHAPE_MISMATCH",
        "1 2 4 4, 7 1, SHAPE_MISMATCH"
    })
    void butterfliesMustFitTheInputs(String stored, String scales, Code expected) throws Exception {
        Adapters adapters = new Adapters()
                .tensor("base_model.model.m.boft_R", dims(stored))
                .tensor("base_model.model.m.boft_s", dims(scales));
        assertThat(refusal(FULL, "8 8", adapters, "{\"peft_type\":\"BOFT\"}")).isEqualTo(expected);
        assertThat(refusal(FULL, "8 8", new Adapters().tensor("base_model.model.m.boft_R", dims(stored)), null))
                .isNotNull();
    }

    @ParameterizedTest
    @CsvSource({
        "8 4, 1 4, '[\"m\"]',", //
        "8 4, 8 1, '[]',",
        "8 4, 1 4, '[]', SHAPE_MISMATCH",
        "8 4, 8 1, '[\"m\"]', SHAPE_MISMATCH",
        "8 4, 1 5, '[\"m\"]', SHAPE_MISMATCH",
        "8 4, 4, '[\"m\"]', SHAPE_MISMATCH",
        "8 4, 1 4, null,",
        "8 4, 8 1, null,",
        "8 4 3 3, 1 4 1 1, null,",
        "8 4 3 3, 1 8 1 1, '[]',",
        "8 4 3 3, 1 8 1 1, '[\"m\"]',", // two groups
        "8 4 3 3, 1 8 1 1, null, UNSUPPORTED_MODULE",
        "8 4 3 3, 1 6 1 1, '[\"m\"]', SHAPE_MISMATCH",
        "8 4 3 3, 1 4 3 1, '[\"m\"]', SHAPE_MISMATCH",
        "8 4 3, 1 4 1, '[\"m\"]', SHAPE_MISMATCH",
        "8 4 3 3 3, 1 4 1 1 1, '[\"m\"]',",
        "8, 1 8, '[\"m\"]', SHAPE_MISMATCH"
    })
    void aVectorScalesWhatTheConfigurationAndItsShapeSay(
            String weight, String vector, String feedforward, Code expected) throws Exception {
        Adapters adapters = new Adapters().tensor("base_model.model.m.ia3_l", dims(vector));
        String config = "{\"peft_type\":\"IA3\",\"feedforward_modules\":" + feedforward + "}";
        assertThat(refusal(FULL, weight, adapters, config)).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({"LYCORIS, STRENGTH_RULE", "PEFT, STRENGTH_RULE", ", STRENGTH_RULE", "LINEAR,"})
    void aPartIsMergedByOneRuleOnly(Strength.Rule rule, Code expected) throws Exception {
        assertThat(refusal(new Strength(0.5, rule), "8 8", oft(), OFT)).isEqualTo(expected);
        Adapters ia3 = new Adapters().tensor("base_model.model.m.ia3_l", 8, 1);
        assertThat(refusal(new Strength(0.5, rule), "8 8", ia3, "{\"feedforward_modules\":[]}"))
                .isEqualTo(expected);
    }
}

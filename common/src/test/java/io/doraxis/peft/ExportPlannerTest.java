package io.doraxis.peft;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.dora.AxisClassifier;
import io.doraxis.fixtures.GoldenCase;
import io.doraxis.fixtures.GoldenCase.Values;
import io.doraxis.merge.DeltaWeight;
import io.doraxis.merge.FactoredDelta;
import io.doraxis.merge.Matrix;
import io.doraxis.naming.BaseNames;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Exports planned for the golden adapters, whose files say which of them the real PEFT 0.21.2 holds exactly. */
class ExportPlannerTest {
    /** Exact by another form than the one that was tried for the file: LoRA of the delta weight's true rank. */
    private static final Set<String> EXACT_AT_TRUE_RANK = Set.of(
            "loha_dora_out",
            "loha_dora_out_alpha_ne_rank",
            "lokr_dora_out",
            "lokr_dora_out_alpha_ne_rank",
            "lokr_tucker_dora_out",
            "lokr_unbalanced",
            // at another strength than 1 only merged
            "multiplier_plain",
            "multiplier_dora");

    /** A row of the base that the plan does not see is zero: refused when its weights are read. */
    private static final String ZERO_ROW = "dora_zero_norm_row_out";

    static List<String> cases() {
        return GoldenCase.names();
    }

    private static ExportPlan plan(GoldenCase golden) throws Exception {
        AdapterIndex adapter = golden.adapter();
        return ExportPlanner.plan(
                golden.index(),
                adapter,
                AxisClassifier.classify(adapter.modules(), adapter.claims(), golden.data()),
                golden.config(),
                BaseNames.of(golden.tensors("base.safetensors").values().stream()
                        .map(Values::tensor)
                        .toList()));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void whatPeftHoldsExactlyIsExact(String name) throws Exception {
        GoldenCase golden = GoldenCase.of(name);
        ExportPlan plan = plan(golden);
        boolean exact = golden.truth().get("peft_export").get("exact").flag();
        boolean planned = plan.outcome() == ExportOutcome.EXACT || plan.outcome() == ExportOutcome.NOT_NEEDED;
        assertThat(planned)
                .as("%s: %s", plan.outcome(), plan.reason())
                .isEqualTo(exact || EXACT_AT_TRUE_RANK.contains(name) || name.equals(ZERO_ROW));
        assertThat(plan.adapters().isEmpty()).isEqualTo(plan.outcome() != ExportOutcome.EXACT);
        assertThat(plan.reason()).isNotBlank();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void aDeltaWeightIsTheProductOfItsFactors(String name) throws Exception {
        GoldenCase golden = GoldenCase.of(name);
        for (PeftAdapter adapter : plan(golden).adapters()) {
            for (PeftModule module : adapter.modules()) {
                FactoredDelta factored = FactoredDelta.of(module.source(), golden.data());
                assertThat(factored.right().rows()).isEqualTo((int) FactoredDelta.rank(module.source()));
                Matrix product = factored.left().times(factored.right());
                Matrix delta = DeltaWeight.of(module.source(), golden.data());
                for (int i = 0; i < delta.values().length; i++) {
                    assertThat(product.values()[i])
                            .isCloseTo(delta.values()[i], org.assertj.core.data.Offset.offset(1e-9));
                }
            }
        }
    }

    @Test
    void doraOnTheOutputAxisKeepsItsBytesAndItsMagnitudeBecomesAVector() throws Exception {
        PeftAdapter adapter = plan(GoldenCase.of("locon_dora_out")).adapters().get(0);
        assertThat(adapter.type()).isEqualTo(PeftType.LORA);
        assertThat(adapter.tensors()).allMatch(tensor -> tensor.source() instanceof PeftTensor.Copied);
        assertThat(adapter.tensors())
                .filteredOn(tensor -> tensor.name().endsWith("lora_magnitude_vector"))
                .isNotEmpty()
                .allMatch(tensor -> tensor.shape().nonUnitDims() <= 1);
    }

    @Test
    void layersAreNamedByExpressionsThatMatchThemAlone() throws Exception {
        String json = new String(
                AdapterConfigJson.of(
                        plan(GoldenCase.of("locon_plain")).adapters().get(0)),
                StandardCharsets.UTF_8);
        assertThat(json).contains("\"target_modules\" : \"^(").contains(")$\"").contains("\"use_dora\" : false");
        assertThat(AdapterConfigJson.escaped("a.b-c_1")).isEqualTo("a\\.b\\-c_1");
    }

    @Test
    void dimensionsAreCutAsPeftCutsThem() {
        assertThat(LokrExport.factorization(256, -1)).containsExactly(16, 16);
        assertThat(LokrExport.factorization(128, -1)).containsExactly(8, 16);
        assertThat(LokrExport.factorization(127, -1)).containsExactly(1, 127);
        assertThat(LokrExport.factorization(128, 4)).containsExactly(4, 32);
        assertThat(LokrExport.factorization(10, 4)).containsExactly(2, 5);
    }
}

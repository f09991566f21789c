package io.doraxis.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.dora.AxisClassifier;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.fixtures.GoldenCase;
import io.doraxis.merge.DeltaWeight;
import io.doraxis.merge.FactoredDelta;
import io.doraxis.merge.Matrix;
import io.doraxis.peft.ExportPlan.Refusal;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.MalformedTensorFileException;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
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

    static List<Arguments> decisions() {
        return GoldenCase.names().stream()
                .flatMap(name -> Stream.of(InputAxis.AUTO, InputAxis.GLORA, InputAxis.IA3_LORA, InputAxis.FULL_WEIGHTS)
                        .filter(form -> form == InputAxis.AUTO || hasInputAxis(name))
                        .map(form -> arguments(name, form)))
                .toList();
    }

    private static boolean hasInputAxis(String name) {
        try {
            String axis = GoldenCase.of(name).truth().get("axis").text();
            return axis.equals("INPUT") || axis.equals("MIXED");
        } catch (IOException | MalformedTensorFileException e) {
            throw new IllegalStateException(e);
        }
    }

    private static ExportPlan plan(GoldenCase golden) throws Exception {
        return plan(golden, ExportChoices.DEFAULT);
    }

    private static ExportPlan plan(GoldenCase golden, ExportChoices choices) throws Exception {
        return plan(golden, choices, Set.of());
    }

    private static ExportPlan plan(GoldenCase golden, ExportChoices choices, Set<String> whole) throws Exception {
        return ExportPlanner.plan(source(golden), PeftWeights.header(golden), choices, whole);
    }

    private static ExportSource source(GoldenCase golden) {
        AdapterIndex adapter = golden.adapter();
        return new ExportSource(
                golden.index(),
                adapter,
                AxisClassifier.classify(adapter.modules(), adapter.claims(), golden.data()),
                golden.config(),
                golden.data());
    }

    private static boolean isExact(GoldenCase golden) {
        return golden.truth().get("peft_export").get("exact").flag();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void whatPeftHoldsExactlyIsExact(String name) throws Exception {
        GoldenCase golden = GoldenCase.of(name);
        ExportPlan plan = plan(golden);
        boolean planned = plan.outcome() == ExportOutcome.EXACT || plan.outcome() == ExportOutcome.NOT_NEEDED;
        assertThat(planned)
                .as("%s: %s", plan.outcome(), plan.reason())
                .isEqualTo(isExact(golden) || EXACT_AT_TRUE_RANK.contains(name) || name.equals(ZERO_ROW));
        assertThat(plan.adapters().isEmpty())
                .isEqualTo(plan.refusal() != null || plan.outcome() == ExportOutcome.NOT_NEEDED);
        assertThat(plan.reason()).isNotBlank();
    }

    /** The base tells paths, and lets everything but T-LoRA be exact. */
    @ParameterizedTest
    @MethodSource("decisions")
    void everyFormIsWorthTheWeightsOfTheLibrary(String name, InputAxis form) throws Exception {
        GoldenCase golden = GoldenCase.of(name);
        ExportPlan plan = plan(golden, new ExportChoices(form, null));
        if (golden.hasFile("merged.safetensors") && golden.config() == null) {
            assertThat(plan.refusal()).as(plan.reason()).isNull();
            boolean whole = golden.truth().get("multiplier").number() == 1;
            if (whole) {
                ExportPlan sound = plan(golden, new ExportChoices(form, null), PeftWeights.cancelled(plan, golden));
                PeftWeights.areWorth(sound, golden, "merged.safetensors");
            }
        } else {
            assertThat(plan.refusal() != null || plan.outcome() == ExportOutcome.NOT_NEEDED)
                    .isTrue();
        }
    }

    @ParameterizedTest
    @CsvSource({"all_square_1d, INPUT", "all_square_1d, OUTPUT", "kohya_square_1d_metadata_in, INPUT"})
    void anAxisThatIsOpenIsAsked(String name, ModuleAxis axis) throws Exception {
        GoldenCase golden = GoldenCase.of(name);
        assertThat(plan(golden).refusal()).isEqualTo(Refusal.AXIS_AMBIGUOUS);
        ExportPlan plan = plan(golden, new ExportChoices(InputAxis.AUTO, axis));
        PeftWeights.areWorth(plan, golden, "merged_if_" + axis.name().toLowerCase(Locale.ROOT) + ".safetensors");
    }

    @ParameterizedTest
    @MethodSource("cases")
    void aHeaderAloneTellsWhatIsPossible(String name) throws Exception {
        GoldenCase golden = GoldenCase.of(name);
        ExportSource source = source(golden);
        ExportPlanner.Possibility possible =
                ExportPlanner.possibility(source.adapter(), source.verdict(), golden.config());
        ExportPlan plan = plan(golden);
        assertThat(possible.outcome()).as(possible.reason()).isEqualTo(plan.outcome());
        assertThat(possible.reason()).isNotBlank();
        if (isExact(golden)) {
            assertThat(possible.outcome()).isIn(ExportOutcome.EXACT, ExportOutcome.NOT_NEEDED);
        }
    }

    @Test
    void theInputAxisIsRefusedWithTheSizesOfItsForms() throws Exception {
        ExportPlan plan = plan(GoldenCase.of("locon_dora_in"));
        assertThat(plan.refusal()).isEqualTo(Refusal.INPUT_AXIS);
        assertThat(plan.reason())
                .containsPattern("--input-axis ia3-lora \\([0-9,]+ bytes\\), glora \\([0-9,]+ bytes\\),"
                        + " full-weights \\([0-9,]+ bytes\\) or auto");
    }

    /** Even where no form of its own could hold it. */
    @Test
    void theInputAxisIsAskedForWhateverElseAModuleIs() throws Exception {
        TensorIndex grouped = new TensorIndex(
                List.of(
                        new TensorInfo("a.b.alpha", Dtype.F32, Shape.of(), 0, 4),
                        new TensorInfo("a.b.dora_scale", Dtype.F32, Shape.of(1, 1, 1, 1), 4, 8),
                        new TensorInfo("a.b.lora_down.weight", Dtype.F32, Shape.of(2, 1, 3, 3), 8, 80),
                        new TensorInfo("a.b.lora_up.weight", Dtype.F32, Shape.of(6, 2, 1, 1), 80, 128)),
                Map.of(),
                0,
                List.of());
        TensorData data = TensorData.ofHead(new byte[] {0, 0, 0, 64}, 4); // alpha is 2
        AdapterIndex adapter = AdapterIndex.of(grouped, data, null);
        ExportSource source = new ExportSource(
                grouped, adapter, AxisClassifier.classify(adapter.modules(), adapter.claims(), data), null, data);
        TensorIndex base = new TensorIndex(
                List.of(new TensorInfo("a.b.weight", Dtype.F32, Shape.of(6, 1, 3, 3), 0, 216)), Map.of(), 0, List.of());
        ExportPlan plan = ExportPlanner.plan(source, base, ExportChoices.DEFAULT, Set.of());
        assertThat(plan.refusal()).as(plan.reason()).isEqualTo(Refusal.INPUT_AXIS);
        plan = ExportPlanner.plan(source, base, new ExportChoices(InputAxis.AUTO, null), Set.of());
        assertThat(plan.done()).containsExactly(Map.entry("LORA DoRA on inputs -> whole weights", 1));
    }

    @Test
    void factorsOfTheInputAxisKeepTheirBytesInTheFirstOfTwoAdapters() throws Exception {
        ExportPlan plan = plan(GoldenCase.of("locon_dora_in"), new ExportChoices(InputAxis.AUTO, null));
        assertThat(plan.adapters()).extracting(PeftAdapter::folder).containsExactly("1-lora", "2-ia3");
        assertThat(plan.adapters().get(0).tensors()).allMatch(tensor -> tensor.source() instanceof PeftTensor.Copied);
        assertThat(plan.adapters().get(0).saved()).isEmpty();
        assertThat(new String(AdapterConfigJson.of(plan.adapters().get(1)), StandardCharsets.UTF_8))
                .contains("\"peft_type\" : \"IA3\"", "\"feedforward_modules\" : \"^(");
    }

    @Test
    void withoutABaseItsNamesOrWeightsAreMissed() throws Exception {
        assertThat(withoutBase("locon_dora_out").refusal()).isEqualTo(Refusal.NEEDS_BASE_NAMES);
        assertThat(withoutBase("locon_dora_out").outcome()).isEqualTo(ExportOutcome.EXACT);
        assertThat(withoutBase("full_diff").refusal()).isEqualTo(Refusal.NEEDS_BASE_WEIGHTS);
        assertThat(withoutBase("locon_dora_in").refusal()).isEqualTo(Refusal.NEEDS_BASE_WEIGHTS);
    }

    private static ExportPlan withoutBase(String name) throws Exception {
        return ExportPlanner.plan(source(GoldenCase.of(name)), null, ExportChoices.DEFAULT, Set.of());
    }

    @Test
    void aBaseOfOtherShapesIsRefused() throws Exception {
        ExportPlan plan = ExportPlanner.plan(
                source(GoldenCase.of("locon_plain")),
                PeftWeights.transposed(PeftWeights.header(GoldenCase.of("locon_plain"))),
                ExportChoices.DEFAULT,
                Set.of());
        assertThat(plan.refusal()).isEqualTo(Refusal.SHAPE_MISMATCH);
    }

    @Test
    void aLayerThatIsToBeWholeLeavesTheOthersAsTheyAre() throws Exception {
        GoldenCase golden = GoldenCase.of("locon_dora_out");
        int modules = golden.adapter().modules().size();
        String one = golden.adapter().modules().get(1).name();
        ExportPlan plan = plan(golden, ExportChoices.DEFAULT, Set.of(one));
        assertThat(plan.adapters().get(0).saved()).hasSize(1);
        assertThat(plan.adapters().get(0).modules()).hasSize(modules - 1);
        PeftWeights.areWorth(plan, golden, "merged.safetensors");
    }

    /** Without a base that would tell the norms. */
    @Test
    void modulesWithAMagnitudeAndThoseWithoutAreTwoAdapters() throws Exception {
        ExportSource mixed = source(GoldenCase.of("extra_unknown_keys"));
        ExportPlan plan = ExportPlanner.plan(named(mixed, "a."), null, ExportChoices.DEFAULT, Set.of());
        assertThat(plan.outcome()).isEqualTo(ExportOutcome.EXACT);
        assertThat(plan.adapters()).extracting(PeftAdapter::folder).containsExactly("1-dora", "2-lora");
    }

    /** The same modules by names that are paths. */
    private static ExportSource named(ExportSource source, String prefix) {
        List<TensorInfo> tensors = source.file().tensors().stream()
                .map(tensor -> new TensorInfo(
                        prefix + tensor.name(), tensor.dtype(), tensor.shape(), tensor.begin(), tensor.end()))
                .toList();
        TensorIndex file = new TensorIndex(tensors, Map.of(), 0, List.of());
        AdapterIndex adapter = AdapterIndex.of(file, source.data(), null);
        return new ExportSource(
                file,
                adapter,
                AxisClassifier.classify(adapter.modules(), adapter.claims(), source.data()),
                null,
                source.data());
    }

    @Test
    void wholeWeightsAloneAreAnAdapterWithoutATarget() throws Exception {
        PeftAdapter adapter = plan(GoldenCase.of("full_diff")).adapters().get(0);
        assertThat(adapter.modules()).isEmpty();
        assertThat(new String(AdapterConfigJson.of(adapter), StandardCharsets.UTF_8))
                .contains("\"target_modules\" : \"dummy-target-modules\"", "\"modules_to_save\" : [ \"");
    }

    /** PEFT takes a name for the end of a path. */
    @Test
    void layersThatPeftWouldSaveTooAreSaved() {
        List<TensorInfo> tensors = Stream.of("proj.weight", "a.proj.weight", "a.reproj.bias", "b.other.weight")
                .map(name -> new TensorInfo(name, Dtype.F32, Shape.of(1), 0, 4))
                .toList();
        BaseModel base = new BaseModel(new TensorIndex(tensors, Map.of(), 0, List.of()));
        assertThat(base.closure(List.of("proj"))).containsExactly("a.proj", "a.reproj", "proj");
        assertThat(base.closure(List.of("a.proj"))).containsExactly("a.proj");
        assertThat(base.saved("a.proj").tensors())
                .extracting(PeftTensor::name)
                .containsExactly("base_model.model.a.proj.weight");
    }

    @ParameterizedTest
    @MethodSource("cases")
    void aDeltaWeightIsTheProductOfItsFactors(String name) throws Exception {
        GoldenCase golden = GoldenCase.of(name);
        for (PeftAdapter adapter : plan(golden).adapters()) {
            for (PeftModule module : adapter.modules()) {
                if (adapter.type() == PeftType.IA3) {
                    continue;
                }
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

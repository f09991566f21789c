package io.doraxis.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.dora.AxisClassifier;
import io.doraxis.fixtures.GoldenCase;
import io.doraxis.peft.Approximations.Approximation;
import io.doraxis.peft.Approximations.Wanted;
import io.doraxis.peft.PeftTensor.Copied;
import io.doraxis.peft.PeftTensor.Fitted;
import io.doraxis.peft.PeftTensor.Part;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Plans of exports that are only nearly exact: which layers are, in which forms, and what is said of them. */
class LossyPlanTest {
    private static final ExportChoices LOW_RANK =
            new ExportChoices(InputAxis.LOW_RANK, null, new ExportLayout.Peft(false), new LossyLimits(0.1, 64, false));

    private static ExportPlan plan(String golden, Set<String> whole, Map<String, Approximation> made) throws Exception {
        GoldenCase of = GoldenCase.of(golden);
        AdapterIndex adapter = of.adapter();
        ExportSource source = new ExportSource(
                of.index(),
                adapter,
                AxisClassifier.classify(adapter.modules(), adapter.claims(), of.data()),
                of.config(),
                of.data());
        return ExportPlanner.planOn(new BaseModel(PeftWeights.header(of)), source, LOW_RANK, whole, made);
    }

    private static Map<String, Approximation> all(ExportPlan plan, LossyForm form, int rank) {
        Map<String, Approximation> made = new HashMap<>();
        plan.lossy().wanted().forEach(each -> made.put(each.module().name(), new Approximation(form, rank, 0.05, 2)));
        return made;
    }

    private static PeftModule of(ExportPlan plan, Wanted wanted) {
        return plan.adapters().stream()
                .flatMap(adapter -> adapter.modules().stream())
                .filter(module -> module.source() == wanted.module())
                .findFirst()
                .orElseThrow();
    }

    @Test
    void newFactorsHaveTheRankThatWasFoundForTheirLayer() throws Exception {
        ExportPlan first = plan("locon_dora_in", Set.of(), Map.of());
        assertThat(first.outcome()).isEqualTo(ExportOutcome.LOSSY);
        Map<String, Approximation> made = all(first, LossyForm.DORA, 5);
        ExportPlan plan = plan("locon_dora_in", Set.of(), made);
        assertThat(plan.done()).containsEntry("LORA DoRA on inputs -> lossy DoRA of rank 5", made.size());
        assertThat(plan.lossy().made()).isEqualTo(made);
        for (Wanted wanted : plan.lossy().wanted()) {
            PeftModule module = of(plan, wanted);
            assertThat(module.rank()).isEqualTo(5);
            assertThat(module.alpha()).isEqualTo(5);
            assertThat(module.tensors()).hasSize(3).allMatch(tensor -> tensor.source() instanceof Fitted);
            Shape weight = wanted.weight().shape();
            Shape right = module.tensors().get(0).shape();
            assertThat(right.dim(0)).isEqualTo(5);
            assertThat(right.from(1)).isEqualTo(weight.from(1));
            assertThat(module.tensors().get(2).shape().elements()).isEqualTo(weight.dim(0));
        }
        assertThat(new String(AdapterConfigJson.of(plan.adapters().get(0)), StandardCharsets.UTF_8))
                .contains("\"use_dora\" : true", "\"r\" : 5");
    }

    @Test
    void aRefittedMagnitudeLeavesTheBytesOfTheFactors() throws Exception {
        ExportPlan first = plan("locon_dora_in", Set.of(), Map.of());
        ExportPlan plan = plan("locon_dora_in", Set.of(), all(first, LossyForm.REFITTED_MAGNITUDE, 4));
        for (Wanted wanted : plan.lossy().wanted()) {
            List<PeftTensor> tensors = of(plan, wanted).tensors();
            assertThat(tensors.subList(0, 2)).allMatch(tensor -> tensor.source() instanceof Copied);
            assertThat(tensors.get(2).source()).isEqualTo(new Fitted(wanted.module(), Part.MAGNITUDE));
        }
    }

    @Test
    void whatIsExactStaysSo() throws Exception {
        ExportPlan plan = plan("mixed_axis", Set.of(), Map.of());
        Set<String> lossy = plan.lossy().errors().keySet();
        assertThat(plan.lossy().wanted()).isNotEmpty();
        assertThat(plan.adapters().get(0).modules())
                .hasSizeGreaterThan(plan.lossy().wanted().size());
        assertThat(lossy).isEmpty();
        assertThat(plan.adapters().get(0).modules().stream()
                        .filter(module ->
                                plan.lossy().wanted().stream().noneMatch(wanted -> wanted.module() == module.source()))
                        .flatMap(module -> module.tensors().stream()))
                .isNotEmpty()
                .allMatch(tensor -> tensor.source() instanceof Copied);
    }

    @Test
    void aLayerThatIsToBeWholeDoesNotCount() throws Exception {
        ExportPlan first = plan("locon_dora_in", Set.of(), Map.of());
        String one = first.lossy().wanted().get(0).module().name();
        ExportPlan plan = plan("locon_dora_in", Set.of(one), all(first, LossyForm.DORA, 5));
        assertThat(plan.adapters().get(0).saved()).hasSize(1);
        assertThat(plan.lossy().made())
                .hasSize(first.lossy().wanted().size() - 1)
                .doesNotContainKey(one);
    }

    private static ExportPlan plan(List<TensorInfo> tensors, Map<String, Approximation> made, TensorInfo... base) {
        TensorIndex file = new TensorIndex(tensors, Map.of(), 0, List.of());
        TensorData data = TensorData.ofHead(new byte[] {0, 0, 0, 64}, 4); // alphas are 2
        AdapterIndex adapter = AdapterIndex.of(file, data, null);
        ExportSource source = new ExportSource(
                file, adapter, AxisClassifier.classify(adapter.modules(), adapter.claims(), data), null, data);
        TensorIndex index = new TensorIndex(List.of(base), Map.of(), 0, List.of());
        return ExportPlanner.planOn(new BaseModel(index), source, LOW_RANK, Set.of(), made);
    }

    /** At the start of its file. */
    private static TensorInfo tensor(String name, long... dims) {
        Shape shape = Shape.of(dims);
        return new TensorInfo(name, Dtype.F32, shape, 0, 4 * shape.elements());
    }

    @Test
    void factorsAsLargeAsTheirLayerAreNotKept() {
        List<TensorInfo> tensors = List.of(
                tensor("a.b.lokr_w1", 3, 3),
                tensor("a.b.lokr_w2", 5, 7),
                tensor("a.b.dora_scale", 1, 21),
                tensor("a.b.alpha"));
        ExportPlan plan = plan(tensors, Map.of(), tensor("a.b.weight", 15, 21));
        assertThat(plan.lossy().wanted()).extracting(Wanted::forms).containsExactly(Set.of(LossyForm.DORA));
    }

    /** PEFT has magnitudes in all modules or in none, and no norms of what a base keeps as [in, out] are taken. */
    @Test
    void besideAModuleThatCanHaveNoMagnitudeItIsPlainLora() {
        List<TensorInfo> tensors = List.of(
                tensor("a.b.lora_down.weight", 2, 5),
                tensor("a.b.lora_up.weight", 9, 2),
                tensor("a.b.dora_scale", 1, 5),
                tensor("a.b.alpha"),
                tensor("a.c.lora_A.weight", 2, 5),
                tensor("a.c.lora_B.weight", 9, 2),
                tensor("a.c.alpha"));
        TensorInfo[] base = {tensor("a.b.weight", 9, 5), tensor("a.c.weight", 5, 9)};
        ExportPlan plan = plan(tensors, Map.of(), base);
        assertThat(plan.lossy().wanted()).extracting(Wanted::forms).containsExactly(Set.of(LossyForm.LORA));
        plan = plan(tensors, all(plan, LossyForm.LORA, 3), base);
        assertThat(plan.done()).containsOnlyKeys("LORA DoRA on inputs -> lossy LoRA of rank 3", "LORA -> LORA");
        assertThat(new String(AdapterConfigJson.of(plan.adapters().get(0)), StandardCharsets.UTF_8))
                .contains("\"use_dora\" : false", "\"rank_pattern\" : {");
    }

    @Test
    void theErrorOfAllIsRelativeToWhatTheAdapterChangesInAll() {
        Approximations lossy = new Approximations(
                List.of(),
                Map.of(
                        "a",
                        new Approximation(LossyForm.DORA, 4, 0.5, 6), // 3 off
                        "b",
                        new Approximation(LossyForm.DORA, 4, 0.25, 16))); // 4 off
        assertThat(lossy.relativeError()).isCloseTo(5 / Math.sqrt(36 + 256), within(1e-12));
        assertThat(lossy.worst()).contains("a");
    }

    @Test
    void theHeaderSaysTheErrorOfEachModule() throws Exception {
        ExportPlan first = plan("locon_dora_in", Set.of(), Map.of());
        ExportPlan plan = plan("locon_dora_in", Set.of(), all(first, LossyForm.DORA, 5));
        Map<String, String> metadata =
                new Provenance("s3a://hub/a.safetensors", null, "s3a://base", null, null, "0.1", "7").metadata(plan);
        assertThat(metadata).containsEntry("doraxis.rel_error", "5.0000e-02").containsEntry("doraxis.outcome", "LOSSY");
        assertThat(LossyErrors.read(metadata)).isEqualTo(plan.lossy().errors());
        assertThat(LossyErrors.read(Map.of())).isEmpty();
    }

    @Test
    void namesOfModulesMayHoldAnything() throws Exception {
        Map<String, Double> errors = Map.of("a\"\\\n\u2028", 0.25, "b", 1e-7);
        assertThat(LossyErrors.read(Map.of(LossyErrors.OF_MODULES, LossyErrors.json(errors))))
                .isEqualTo(errors);
    }

    @Test
    void theCardSaysHowFarOffAndWhere() throws Exception {
        ExportPlan first = plan("locon_dora_in", Set.of(), Map.of());
        ExportPlan plan = plan("locon_dora_in", Set.of(), all(first, LossyForm.DORA, 5));
        Provenance provenance = new Provenance("s3a://hub/a.safetensors", null, "s3a://base", null, null, "0.1", "7");
        assertThat(new String(ModelCard.of(plan, provenance), StandardCharsets.UTF_8))
                .contains("It is not exact: its weights at strength 1 are 5.0000e-02 off")
                .contains("| `" + first.lossy().wanted().get(0).module().name() + "` | DORA of rank 5 | 5.0000e-02 |");
    }
}

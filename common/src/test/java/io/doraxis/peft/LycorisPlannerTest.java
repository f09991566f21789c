package io.doraxis.peft;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Role;
import io.doraxis.dora.AxisClassifier;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.fixtures.GoldenCase;
import io.doraxis.fixtures.GoldenCase.Values;
import io.doraxis.merge.DeltaWeight;
import io.doraxis.merge.Matrix;
import io.doraxis.merge.WeightDecomposition;
import io.doraxis.peft.ExportLayout.Names;
import io.doraxis.peft.ExportPlan.Refusal;
import io.doraxis.peft.PeftTensor.Copied;
import io.doraxis.peft.PeftTensor.Number;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The way back to LyCORIS, of golden directories that the real PEFT 0.21.2 saved. */
class LycorisPlannerTest {
    private static final double TOLERANCE = 1e-6;

    private static ExportPlan plan(GoldenCase golden, Names names, TensorIndex base) {
        AdapterIndex adapter = golden.adapter();
        CheckpointVerdict verdict = AxisClassifier.classify(adapter.modules(), adapter.claims(), golden.data());
        ExportChoices choices = new ExportChoices(InputAxis.REFUSE, null, new ExportLayout.Lycoris(names));
        return ExportPlanner.plan(
                new ExportSource(golden.index(), adapter, verdict, golden.config(), golden.data()),
                base,
                choices,
                Set.of());
    }

    private static ExportPlan plan(String name) throws Exception {
        return plan(GoldenCase.of(name), Names.LYCORIS, null);
    }

    private static PeftTensor tensor(ExportPlan plan, String name) {
        return plan.tensors().stream()
                .filter(tensor -> tensor.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new AssertionError(name + " is not among " + plan.tensors()));
    }

    /** Each module with its own alpha, read back as a LyCORIS file's, is worth the weights that PEFT merged. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "peft_dora_linear",
                "peft_dora_conv2d",
                "peft_lora_linear",
                "peft_lora_conv",
                "peft_lora_bf16",
                "peft_rank_alpha_pattern",
                "peft_rslora",
                "peft_rslora_dora",
                "peft_legacy_magnitude_key",
                "peft_loha_linear_conv",
                "peft_loha_effective_conv",
                "peft_lokr_linear_conv",
                "peft_lokr_full_w1w2_alpha_ne_r"
            })
    void theFileIsWorthTheWeightsOfPeft(String name) throws Exception {
        GoldenCase golden = GoldenCase.of(name);
        ExportPlan plan = plan(golden, Names.LYCORIS, null);
        assertThat(plan.outcome()).as(plan.reason()).isEqualTo(ExportOutcome.EXACT);
        Map<String, Values> base = golden.tensors("base.safetensors");
        Map<String, Values> merged = golden.tensors("merged.safetensors");
        for (PeftModule made : plan.file().modules()) {
            String weight = AdapterIndex.peftPath(made.source().name()) + ".weight";
            Values own = base.get(weight);
            int rows = (int) own.shape().dim(0);
            int kernel = (int) own.shape().from(2).elements();
            Matrix matrix = new Matrix(rows, own.numbers().length / rows, own.numbers());
            boolean full = made.source().tensors().hasAll(Role.LOKR_W1, Role.LOKR_W2);
            double scale = full ? made.source().scale() : (float) made.alpha() / made.rank();
            Matrix direction =
                    matrix.plus(DeltaWeight.of(made.source(), golden.data()).scaled(scale));
            boolean dora = made.tensors().stream().anyMatch(each -> each.name().endsWith(".dora_scale"));
            Matrix worth = dora
                    ? WeightDecomposition.of(direction, magnitude(golden, made.source()), ModuleAxis.OUTPUT, kernel, 0)
                    : direction;
            double tolerance =
                    own.tensor().dtype() == merged.get(weight).tensor().dtype()
                                    && own.tensor().dtype().bits() == 32
                            ? TOLERANCE
                            : 0x1p-8;
            assertThat(merged.get(weight).error(worth.values())).as(weight).isLessThan(tolerance);
        }
    }

    private static double[] magnitude(GoldenCase golden, AdapterModule module) {
        TensorInfo tensor = module.magnitude().tensor();
        return FloatDecoder.doubles(tensor.dtype(), golden.data().bytes(tensor).orElseThrow(), (int)
                tensor.shape().elements());
    }

    /** What its loader makes modules from: these names, and numbers of outputs with the weight's dimensions. */
    @Test
    void namesAndShapesAreThoseOfLycoris() throws Exception {
        ExportPlan linear = plan("peft_dora_linear");
        AdapterModule module = linear.file().modules().get(0).source();
        String name = "lycoris_" + AdapterIndex.peftPath(module.name()).replace('.', '_');
        assertThat(tensor(linear, name + ".dora_scale").shape()).isEqualTo(Shape.of(module.out(), 1));
        assertThat(tensor(linear, name + ".lora_down.weight").source())
                .isEqualTo(new Copied(module.tensors().get(Role.DOWN)));
        assertThat(tensor(linear, name + ".lora_up.weight").source())
                .isEqualTo(new Copied(module.tensors().get(Role.UP)));
        assertThat(tensor(linear, name + ".alpha").shape()).isEqualTo(Shape.of());
        ExportPlan conv = plan("peft_dora_conv2d");
        PeftModule made = conv.file().modules().stream()
                .filter(each -> each.source().kernel().rank() == 2)
                .findFirst()
                .orElseThrow();
        assertThat(tensor(conv, made.path() + ".dora_scale").shape())
                .isEqualTo(Shape.of(made.source().out(), 1, 1, 1));
        assertThat(linear.file().metadata())
                .containsEntry("ss_network_module", "lycoris.kohya")
                .containsEntry(
                        "ss_network_args", "{\"algo\": \"lora\", \"dora_wd\": \"True\", \"wd_on_output\": \"True\"}");
    }

    /** PEFT divides alpha by the root of the rank, LyCORIS by the rank. */
    @Test
    void rankStabilisationGoesIntoAlpha() throws Exception {
        GoldenCase golden = GoldenCase.of("peft_rslora");
        for (PeftModule made : plan(golden, Names.LYCORIS, null).file().modules()) {
            assertThat(made.alpha() / made.rank()).isEqualTo(golden.config().alpha() / Math.sqrt(made.rank()));
            assertThat(made.tensors()).anyMatch(each -> each.source().equals(new Number(made.alpha())));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "peft_lora_embedding, embeddings",
        "peft_dora_gpt2_conv1d, fan_in_fan_out",
        "peft_lora_bias, bias",
        "peft_bias_lora_only, bias",
        "peft_modules_to_save, more than factors",
        "peft_lokr_both_factor, cannot load"
    })
    void whatLycorisHasNothingForIsRefused(String name, String reason) throws Exception {
        ExportPlan plan = plan(name);
        assertThat(plan.refusal()).isEqualTo(Refusal.NOT_EXPRESSIBLE);
        assertThat(plan.reason()).contains(reason);
        assertThat(plan.tensors()).isEmpty();
    }

    @Test
    void aFileOfLycorisIsCopied() throws Exception {
        assertThat(plan("locon_dora_in").outcome()).isEqualTo(ExportOutcome.NOT_NEEDED);
        assertThat(plan("ia3").outcome()).isEqualTo(ExportOutcome.NOT_NEEDED);
    }

    @Test
    void sdScriptsNamesTellTheComponentThatTheBaseTells() throws Exception {
        GoldenCase golden = GoldenCase.of("peft_lora_linear");
        assertThat(plan(golden, Names.KOHYA, null).file().modules())
                .allMatch(made -> made.path().startsWith("lora_unet_"));
        TensorIndex header = PeftWeights.header(golden);
        List<TensorInfo> named = new ArrayList<>();
        for (TensorInfo tensor : header.tensors()) {
            String name = "conditioner.embedders.1." + tensor.name();
            named.add(new TensorInfo(name, tensor.dtype(), tensor.shape(), tensor.begin(), tensor.end()));
        }
        TensorIndex base = new TensorIndex(named, Map.of(), 0, List.of());
        assertThat(plan(golden, Names.KOHYA, base).file().modules())
                .allMatch(made -> made.path().startsWith("lora_te2_"));
    }
}

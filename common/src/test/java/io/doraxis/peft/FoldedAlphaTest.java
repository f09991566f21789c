package io.doraxis.peft;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.dora.AxisClassifier;
import io.doraxis.fixtures.GoldenCase;
import io.doraxis.peft.ExportPlan.Refusal;
import io.doraxis.peft.PeftTensor.Copied;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.TensorIndex;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Golden adapters with their alphas in the factors, against the weights of the libraries that made them. */
class FoldedAlphaTest {
    private static final ExportLayout FOLDED = new ExportLayout.Peft(true);

    private static ExportPlan plan(GoldenCase golden, ExportLayout layout) throws Exception {
        return plan(golden, layout, PeftWeights.header(golden));
    }

    private static ExportPlan plan(GoldenCase golden, ExportLayout layout, TensorIndex base) {
        AdapterIndex adapter = golden.adapter();
        ExportSource source = new ExportSource(
                golden.index(),
                adapter,
                AxisClassifier.classify(adapter.modules(), adapter.claims(), golden.data()),
                golden.config(),
                golden.data());
        ExportChoices choices = new ExportChoices(InputAxis.REFUSE, null, layout);
        return ExportPlanner.plan(source, base, choices, Set.of());
    }

    /** Embeddings are merged by PEFT itself, in the tests of the command line. */
    static List<String> exact() {
        return GoldenCase.names().stream()
                .filter(name -> !name.startsWith("multiplier") && !name.endsWith("embedding"))
                .toList();
    }

    @ParameterizedTest
    @MethodSource("exact")
    void theProductOfTheFactorsIsTheDeltaWeight(String name) throws Exception {
        GoldenCase golden = GoldenCase.of(name);
        ExportPlan plan = plan(golden, FOLDED);
        boolean written = plan.refusal() == null && golden.hasFile("merged.safetensors");
        if (written && PeftWeights.cancelled(plan, golden).isEmpty()) {
            for (PeftAdapter adapter : plan.adapters()) {
                assertThat(adapter.type()).isIn(PeftType.LORA, PeftType.IA3);
                assertThat(adapter.modules())
                        .allMatch(module -> adapter.type() == PeftType.IA3 || module.alpha() == module.rank());
            }
            PeftWeights.areWorth(plan, golden, "merged.safetensors");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "locon_dora_out",
                "locon_plain_bf16",
                "loha_alpha_ne_rank",
                "peft_rank_alpha_pattern",
                "peft_rslora_dora",
                "peft_lora_embedding",
                "peft_lora_linear"
            })
    void theseAreExact(String name) throws Exception {
        ExportPlan plan = plan(GoldenCase.of(name), FOLDED);
        assertThat(plan.outcome()).as(plan.reason()).isEqualTo(ExportOutcome.EXACT);
        assertThat(plan.adapters()).hasSize(1);
    }

    /** Of a PEFT directory what its configuration says has to be said by factors alone. */
    @ParameterizedTest
    @CsvSource({
        "peft_lora_bias, bias",
        "peft_modules_to_save, more than factors",
        "peft_dora_gpt2_conv1d, fan_in_fan_out"
    })
    void whatFactorsDoNotSayIsRefused(String name, String reason) throws Exception {
        ExportPlan plan = plan(GoldenCase.of(name), FOLDED);
        assertThat(plan.refusal()).isEqualTo(Refusal.NOT_EXPRESSIBLE);
        assertThat(plan.reason()).contains(reason);
    }

    /** A flattened factor may be a convolution's. */
    @Test
    void theBaseTellsTheKernelsOfFlattenedFactors() throws Exception {
        ExportPlan plan = plan(GoldenCase.of("peft_loha_linear_conv"), FOLDED, null);
        assertThat(plan.refusal()).isEqualTo(Refusal.NEEDS_BASE_WEIGHTS);
        assertThat(plan.reason()).contains("do not tell the kernel");
        assertThat(plan(GoldenCase.of("peft_lora_conv"), FOLDED, null).outcome())
                .isEqualTo(ExportOutcome.EXACT);
    }

    /** Half-precision factors would be rounded a second time. */
    @Test
    void whatIsScaledIsFloat32() throws Exception {
        ExportPlan plan = plan(GoldenCase.of("locon_plain_bf16"), FOLDED);
        for (PeftTensor tensor : plan.tensors()) {
            assertThat(tensor.source() instanceof Copied || tensor.dtype() == Dtype.F32)
                    .isTrue();
        }
    }

    @Test
    void diffusersHasOneFileWithTheConfigurationInItsHeader() throws Exception {
        GoldenCase golden = GoldenCase.of("locon_dora_out");
        ExportPlan plan = plan(golden, new ExportLayout.Diffusers(false));
        assertThat(plan.outcome()).as(plan.reason()).isEqualTo(ExportOutcome.EXACT);
        assertThat(plan.adapters()).isEmpty();
        assertThat(plan.file().name()).isEqualTo("pytorch_lora_weights.safetensors");
        assertThat(plan.tensors()).allMatch(tensor -> tensor.name().startsWith("unet."));
        assertThat(plan.file().metadata().get("lora_adapter_metadata"))
                .contains("\"unet.use_dora\" : true", "\"unet.r\" : ", "\"unet.lora_alpha\" : ")
                .doesNotContain("peft_type");
        assertThat(plan(golden, new ExportLayout.Diffusers(true)).file().modules())
                .allMatch(module -> module.alpha() == module.rank());
    }

    @Test
    void diffusersHasNoWholeLayers() throws Exception {
        ExportPlan plan = plan(GoldenCase.of("full_diff"), new ExportLayout.Diffusers(false));
        assertThat(plan.refusal()).isEqualTo(Refusal.NOT_EXPRESSIBLE);
        assertThat(plan.reason()).contains("whole layers");
    }
}

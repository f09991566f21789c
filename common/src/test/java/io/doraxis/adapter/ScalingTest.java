package io.doraxis.adapter;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.fixtures.Adapters;
import io.doraxis.tensorfile.TensorData;
import org.junit.jupiter.api.Test;

/** Alpha and rank to the factor on the product, by each writer's rule. */
class ScalingTest {
    private static final String PEFT = "base_model.model.layers.0.q_proj";

    @Test
    void alphaIsDividedByTheRank() {
        isScaled(new Adapters().lora("m", 8, 16).scalar("m.alpha", 2).module(), 2.0, 0.5);
    }

    @Test
    void anAlphaOfOneElementIsAScalarToo() {
        AdapterModule module = new Adapters()
                .lora("m", 8, 16)
                .values("m.alpha", io.doraxis.tensorfile.Shape.of(1), 8)
                .module();
        isScaled(module, 8.0, 2.0);
    }

    @Test
    void anAlphaOfZeroCountsAsTheRank() {
        isScaled(new Adapters().lora("m", 8, 16).scalar("m.alpha", 0).module(), 0.0, 1.0, "alpha 0 counts as the rank");
    }

    @Test
    void aMissingAlphaCountsAsTheRank() {
        isScaled(new Adapters().lora("m", 8, 16).module(), null, 1.0, "no alpha: scale 1");
    }

    @Test
    void anAlphaThatWasNotReadLeavesTheScaleUnknown() {
        isScaled(new Adapters().lora("m", 8, 16).tensor("m.alpha").module(), null, null, "alpha not read");
    }

    @Test
    void anAlphaThatWasNotReadIsTakenFromTheMetadata() {
        Adapters file = new Adapters()
                .lora("m", 8, 16)
                .tensor("m.alpha")
                .metadata("ss_network_dim", "4")
                .metadata("ss_network_alpha", "1.0");
        isScaled(file.module(), 1.0, 0.25, "alpha from ss_network_alpha");
    }

    @Test
    void aConvolutionHasItsOwnAlphaInTheMetadata() {
        Adapters file = new Adapters()
                .lora("m", 8, 16, 3, 3)
                .tensor("m.alpha")
                .metadata("ss_network_dim", "16")
                .metadata("ss_network_alpha", "16")
                .metadata("ss_network_args", "{\"conv_dim\":\"4\",\"conv_alpha\":\"2\"}");
        isScaled(file.module(), 2.0, 0.5, "alpha from ss_network_args.conv_alpha");
    }

    @Test
    void metadataOfAnotherRankSayNothing() {
        Adapters file = new Adapters()
                .lora("m", 8, 16)
                .tensor("m.alpha")
                .metadata("ss_network_dim", "32")
                .metadata("ss_network_alpha", "1");
        isScaled(file.module(), null, null, "alpha not read");
    }

    @Test
    void metadataWithRsLoraDoNotHoldTheStoredAlpha() {
        Adapters file = new Adapters()
                .lora("m", 8, 16)
                .tensor("m.alpha")
                .metadata("ss_network_dim", "4")
                .metadata("ss_network_alpha", "1")
                .metadata("ss_network_args", "{\"rs_lora\":\"True\"}");
        isScaled(file.module(), null, null, "alpha not read");
    }

    @Test
    void aLokrOfTwoFullFactorsIgnoresItsAlpha() {
        AdapterModule module = new Adapters()
                .tensor("m.lokr_w1", 2, 2)
                .tensor("m.lokr_w2", 8, 8)
                .scalar("m.alpha", 5)
                .module();
        isScaled(module, 5.0, 1.0, "both factors full: scale 1");
        assertThat(module.rank()).isNull();
    }

    @Test
    void aLokrOfTwoFullFactorsUnderPeftIsScaled() {
        AdapterModule module = new Adapters()
                .tensor(PEFT + ".lokr_w1", 2, 2)
                .tensor(PEFT + ".lokr_w2", 8, 8)
                .config("{\"peft_type\":\"LOKR\",\"r\":8,\"alpha\":4}")
                .module();
        isScaled(module, 4.0, 0.5, "alpha from adapter_config.json");
        assertThat(module.rank()).isEqualTo(8);
    }

    @Test
    void aLokrWithADecomposedFactorDividesByItsRank() {
        AdapterModule module = new Adapters()
                .tensor("m.lokr_w1", 2, 2)
                .tensor("m.lokr_w2_a", 8, 4)
                .tensor("m.lokr_w2_b", 4, 8)
                .scalar("m.alpha", 2)
                .module();
        isScaled(module, 2.0, 0.5);
    }

    @Test
    void anOftsAlphaIsItsConstraintAndNoScale() {
        isScaled(
                new Adapters()
                        .tensor("m.oft_blocks", 4, 2, 2)
                        .scalar("m.alpha", 0.25f)
                        .module(),
                0.25,
                null);
    }

    @Test
    void aDifferenceHasNoScale() {
        isScaled(new Adapters().tensor("m.diff", 8, 8).scalar("m.alpha", 2).module(), null, null);
    }

    @Test
    void peftScalesByItsConfiguration() {
        isScaled(peft("{\"r\":4,\"lora_alpha\":16}"), 16.0, 4.0, "alpha from adapter_config.json");
        isScaled(peft("{\"r\":4,\"lora_alpha\":16,\"use_rslora\":true}"), 16.0, 8.0, "alpha from adapter_config.json");
        isScaled(peft("{}"), 8.0, 1.0, "alpha from adapter_config.json");
    }

    @Test
    void peftsPatternsGoBeforeItsDefaults() {
        isScaled(
                peft("{\"r\":64,\"lora_alpha\":64,\"rank_pattern\":{\"q_proj\":4},\"alpha_pattern\":{\"q_proj\":6.5}}"),
                6.5,
                1.625,
                "alpha from adapter_config.json");
        isScaled(
                peft("{\"r\":4,\"lora_alpha\":8,\"rank_pattern\":{\"proj\":2},\"alpha_pattern\":{\"v_proj\":2}}"),
                8.0,
                2.0,
                "alpha from adapter_config.json");
    }

    @Test
    void theFirstPatternThatMatchesCounts() {
        isScaled(
                peft("{\"r\":4,\"lora_alpha\":8,\"alpha_pattern\":{\".*_proj\":2,\"q_proj\":4}}"),
                2.0,
                0.5,
                "alpha from adapter_config.json");
        isScaled(
                peft("{\"r\":4,\"lora_alpha\":8,\"alpha_pattern\":{\"q_proj\":4,\".*_proj\":2}}"),
                4.0,
                1.0,
                "alpha from adapter_config.json");
    }

    @Test
    void aRankOfZeroHasNoScale() {
        AdapterModule module = new Adapters()
                .tensor("m.lora_down.weight", 0, 16)
                .tensor("m.lora_up.weight", 8, 0)
                .scalar("m.alpha", 1)
                .module();
        isScaled(module, null, null);
    }

    @Test
    void withoutDataAnAlphaIsNotRead() {
        Adapters file = new Adapters().lora("m", 8, 16).scalar("m.alpha", 2);
        AdapterModule module =
                AdapterIndex.of(file.index(), TensorData.NONE, null).modules().get(0);
        isScaled(module, null, null, "alpha not read");
    }

    private static AdapterModule peft(String config) {
        return new Adapters()
                .tensor(PEFT + ".lora_A.weight", 4, 16)
                .tensor(PEFT + ".lora_B.weight", 8, 4)
                .config(config)
                .module();
    }

    private static void isScaled(AdapterModule module, Double alpha, Double scale, String... notes) {
        assertThat(module.alpha()).isEqualTo(alpha);
        assertThat(module.scale()).isEqualTo(scale);
        assertThat(module.notes()).containsExactly(notes);
    }
}

package io.doraxis.adapter;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.fixtures.Adapters;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DialectClassifierTest {
    @ParameterizedTest
    @CsvSource({
        "lora_unet_down_blocks_0, KOHYA",
        "lora_te2_text_model_fc1, KOHYA",
        "lora_transformer_blocks_0, ONETRAINER",
        "lora_prior_unet_blocks_0, ONETRAINER",
        "lycoris_blocks_0_attn, LYCORIS",
        "unet.down_blocks.0.to_q, DIFFUSERS",
        "transformer.blocks.0, DIFFUSERS",
        "transformer_blocks.0.to_q, DIFFUSERS",
        "diffusion_model.blocks.0, COMFYUI",
        "model.diffusion_model.blocks.0, COMFYUI",
        "text_encoders.clip_l.fc1, COMFYUI",
        "clip_g.fc1, COMFYUI",
        "t5.block.0, COMFYUI",
        "base_model.model.layers.0.q_proj, PEFT",
    })
    void isToldByTheModulesName(String module, Dialect dialect) {
        assertThat(DialectClassifier.classify(new Adapters().lora(module, 8, 16).adapter()))
                .isEqualTo(dialect);
    }

    @Test
    void suffixesGoBeforePrefixes() {
        assertThat(dialect(factors("unet:0:down", "unet:0:up"))).isEqualTo(Dialect.CLONEOFSIMO);
        assertThat(dialect(factors("b.qkv_lora1.down.weight", "b.qkv_lora1.up.weight")))
                .isEqualTo(Dialect.XLABS);
        assertThat(dialect(factors("unet.a.to_q_lora.down.weight", "unet.a.to_q_lora.up.weight")))
                .isEqualTo(Dialect.DIFFUSERS_LEGACY);
        assertThat(dialect(new Adapters().lora("transformer.a", 8, 16).tensor("transformer.a.magnitude", 8)))
                .isEqualTo(Dialect.AI_TOOLKIT);
        assertThat(dialect(new Adapters().lora("a.b", 8, 16).tensor("a.b.weight_m_wdecomp.weight", 8, 1)))
                .isEqualTo(Dialect.NVLABS);
    }

    @Test
    void biasesInTheFactorsTellAControlLora() {
        Adapters file = factors(
                        "double_blocks.0.img_attn.qkv.lora_A.weight", "double_blocks.0.img_attn.qkv.lora_B.weight")
                .tensor("double_blocks.0.img_attn.qkv.lora_B.bias", 8);
        assertThat(dialect(file)).isEqualTo(Dialect.BFL_CONTROL);
    }

    @Test
    void modulesOfSeveralDialectsAreMixed() {
        assertThat(dialect(new Adapters().lora("lora_unet_a", 8, 16).lora("diffusion_model.b", 8, 16)))
                .isEqualTo(Dialect.MIXED);
    }

    @Test
    void programsThatWriteAnothersFormAreKnownByTheirMetadata() {
        assertThat(dialect(new Adapters().lora("lora_unet_a", 8, 16).metadata("ot_revision", "abc")))
                .isEqualTo(Dialect.ONETRAINER);
        assertThat(dialect(new Adapters().lora("base_model.model.a", 8, 16).metadata("ot_branch", "master")))
                .isEqualTo(Dialect.PEFT);
        assertThat(dialect(new Adapters()
                        .lora("diffusion_model.a", 8, 16)
                        .metadata("software", "{\"name\":\"ai-toolkit\"}")))
                .isEqualTo(Dialect.AI_TOOLKIT);
    }

    private static Adapters factors(String down, String up) {
        return new Adapters().tensor(down, 4, 16).tensor(up, 8, 4);
    }

    private static Dialect dialect(Adapters file) {
        return DialectClassifier.classify(file.adapter());
    }
}

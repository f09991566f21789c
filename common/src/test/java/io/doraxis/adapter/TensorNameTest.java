package io.doraxis.adapter;

import static io.doraxis.adapter.TensorName.Spelling.CLONEOFSIMO;
import static io.doraxis.adapter.TensorName.Spelling.DIFFUSERS_LEGACY;
import static io.doraxis.adapter.TensorName.Spelling.LYCORIS;
import static io.doraxis.adapter.TensorName.Spelling.PEFT;
import static io.doraxis.adapter.TensorName.Spelling.PLAIN;
import static io.doraxis.adapter.TensorName.Spelling.XLABS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every spelling that is known to exist. */
class TensorNameTest {
    private record Parsed(String module, Role role, TensorName.Spelling spelling) {}

    private static Parsed parse(String name) {
        TensorName parsed = TensorName.parse(name);
        return parsed == null
                ? null
                : new Parsed(
                        parsed.module(), parsed.suffix().role(), parsed.suffix().spelling());
    }

    static List<Arguments> lycoris() {
        return List.of(
                Arguments.of("lora_down.weight", Role.DOWN),
                Arguments.of("lora_up.weight", Role.UP),
                Arguments.of("lora_mid.weight", Role.MID),
                Arguments.of("alpha", Role.ALPHA),
                Arguments.of("dora_scale", Role.DORA_SCALE),
                Arguments.of("hada_w1_a", Role.HADA_W1_A),
                Arguments.of("hada_w1_b", Role.HADA_W1_B),
                Arguments.of("hada_w2_a", Role.HADA_W2_A),
                Arguments.of("hada_w2_b", Role.HADA_W2_B),
                Arguments.of("hada_t1", Role.HADA_T1),
                Arguments.of("hada_t2", Role.HADA_T2),
                Arguments.of("lokr_w1", Role.LOKR_W1),
                Arguments.of("lokr_w1_a", Role.LOKR_W1_A),
                Arguments.of("lokr_w1_b", Role.LOKR_W1_B),
                Arguments.of("lokr_w2", Role.LOKR_W2),
                Arguments.of("lokr_w2_a", Role.LOKR_W2_A),
                Arguments.of("lokr_w2_b", Role.LOKR_W2_B),
                Arguments.of("lokr_t1", Role.LOKR_T1),
                Arguments.of("lokr_t2", Role.LOKR_T2),
                Arguments.of("diff", Role.DIFF),
                Arguments.of("diff_b", Role.DIFF_BIAS),
                Arguments.of("w_norm", Role.W_NORM),
                Arguments.of("b_norm", Role.B_NORM),
                Arguments.of("on_input", Role.IA3_ON_INPUT),
                Arguments.of("a1.weight", Role.GLORA_A1),
                Arguments.of("a2.weight", Role.GLORA_A2),
                Arguments.of("b1.weight", Role.GLORA_B1),
                Arguments.of("b2.weight", Role.GLORA_B2),
                Arguments.of("bm.weight", Role.GLORA_BM),
                Arguments.of("oft_blocks", Role.OFT_BLOCKS),
                Arguments.of("rescale", Role.OFT_RESCALE),
                Arguments.of("scalar", Role.SCALAR),
                Arguments.of("q_layer.weight", Role.TLORA_Q),
                Arguments.of("p_layer.weight", Role.TLORA_P),
                Arguments.of("lambda_layer", Role.TLORA_LAMBDA),
                Arguments.of("magnitude", Role.AI_TOOLKIT_MAGNITUDE),
                Arguments.of("weight_m_wdecomp.weight", Role.NVLABS_MAGNITUDE));
    }

    static List<Arguments> peft() {
        return List.of(
                Arguments.of("lora_A.weight", Role.DOWN),
                Arguments.of("lora_A.default.weight", Role.DOWN),
                Arguments.of("lora_B.weight", Role.UP),
                Arguments.of("lora_B.my-style.weight", Role.UP),
                Arguments.of("lora_B.bias", Role.UP_BIAS),
                Arguments.of("lora_magnitude_vector", Role.LORA_MAGNITUDE_VECTOR),
                Arguments.of("lora_magnitude_vector.weight", Role.LORA_MAGNITUDE_VECTOR),
                Arguments.of("lora_magnitude_vector.default", Role.LORA_MAGNITUDE_VECTOR),
                Arguments.of("lora_magnitude_vector.default.weight", Role.LORA_MAGNITUDE_VECTOR),
                Arguments.of("lora_embedding_A", Role.EMBEDDING_DOWN),
                Arguments.of("lora_embedding_A.default", Role.EMBEDDING_DOWN),
                Arguments.of("lora_embedding_B", Role.EMBEDDING_UP),
                Arguments.of("ia3_l", Role.IA3_VECTOR),
                Arguments.of("ia3_l.default", Role.IA3_VECTOR),
                Arguments.of("oft_R.weight", Role.PEFT_OFT_R),
                Arguments.of("oft_R.default.weight", Role.PEFT_OFT_R),
                Arguments.of("boft_R", Role.PEFT_BOFT_R),
                Arguments.of("boft_s", Role.PEFT_BOFT_S),
                Arguments.of("base_layer.bias", Role.BASE_BIAS));
    }

    @ParameterizedTest
    @MethodSource("lycoris")
    void lycorisAndSdScripts(String suffix, Role role) {
        assertThat(parse("lora_unet_mid_attn." + suffix)).isEqualTo(new Parsed("lora_unet_mid_attn", role, LYCORIS));
        assertThat(parse("diffusion_model.blocks.0.attn." + suffix))
                .isEqualTo(new Parsed("diffusion_model.blocks.0.attn", role, LYCORIS));
    }

    @ParameterizedTest
    @MethodSource("peft")
    void peftWithAndWithoutTheAdaptersName(String suffix, Role role) {
        assertThat(parse("base_model.model.layers.0.q_proj." + suffix))
                .isEqualTo(new Parsed("base_model.model.layers.0.q_proj", role, PEFT));
    }

    @Test
    void diffusersBeforeItsPeftDays() {
        assertThat(parse("unet.mid.attn1.processor.to_q_lora.down.weight"))
                .isEqualTo(new Parsed("unet.mid.attn1.processor.to_q", Role.DOWN, DIFFUSERS_LEGACY));
        assertThat(parse("unet.mid.attn1.to_out.0.lora.up.weight"))
                .isEqualTo(new Parsed("unet.mid.attn1.to_out.0", Role.UP, DIFFUSERS_LEGACY));
        assertThat(parse("text_encoder.q_proj.lora_linear_layer.down.weight"))
                .isEqualTo(new Parsed("text_encoder.q_proj", Role.DOWN, DIFFUSERS_LEGACY));
    }

    @Test
    void xlabsKeepsItsTwoStreamsApart() {
        assertThat(parse("double_blocks.0.processor.qkv_lora1.down.weight"))
                .isEqualTo(new Parsed("double_blocks.0.processor.qkv_lora1", Role.DOWN, XLABS));
        assertThat(parse("double_blocks.0.processor.qkv_lora2.up.weight"))
                .isEqualTo(new Parsed("double_blocks.0.processor.qkv_lora2", Role.UP, XLABS));
    }

    @Test
    void cloneofsimoCountsItsModules() {
        assertThat(parse("unet:12:up")).isEqualTo(new Parsed("unet:12", Role.UP, CLONEOFSIMO));
        assertThat(parse("text_encoder:0:down")).isEqualTo(new Parsed("text_encoder:0", Role.DOWN, CLONEOFSIMO));
    }

    @Test
    void weightsAndBiasesAreNoAdaptersOwn() {
        assertThat(parse("conv_in.weight")).isEqualTo(new Parsed("conv_in", Role.WEIGHT, PLAIN));
        assertThat(parse("conv_in.bias")).isEqualTo(new Parsed("conv_in", Role.BIAS, PLAIN));
        assertThat(parse("lora.bias")).isEqualTo(new Parsed("lora", Role.BIAS, PLAIN));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                ".",
                "..",
                "alpha",
                "lora_down",
                "emb_params",
                "<s1>",
                ":up",
                "vae:0:up",
                "unet:0:rank",
                "a.b.c",
                "m.lora_C",
                "m.lora_down.default",
                "m.alpha.default",
                "m.dora_scale.default",
                "running_mean"
            })
    void otherNamesBelongToNoModule(String name) {
        assertThat(parse(name)).isNull();
    }

    @Test
    void aSuffixWithoutAModuleIsPlain() {
        assertThat(parse("lora_down.weight")).isEqualTo(new Parsed("lora_down", Role.WEIGHT, PLAIN));
        assertThat(parse("down.weight")).isEqualTo(new Parsed("down", Role.WEIGHT, PLAIN));
    }

    @Test
    void everyRoleHasASpelling() {
        Set<Object> spelled =
                lycoris().stream().map(arguments -> arguments.get()[1]).collect(Collectors.toSet());
        peft().forEach(arguments -> spelled.add(arguments.get()[1]));
        spelled.addAll(Set.of(Role.WEIGHT, Role.BIAS));
        assertThat(spelled).isEqualTo(EnumSet.allOf(Role.class));
    }

    @ParameterizedTest
    @MethodSource({"lycoris", "peft"})
    void aSuffixThatDecidesIsWhatTheWholeNameGives(String suffix, Role role) {
        TensorName.Suffix decisive = TensorName.parse("some.module." + suffix).suffix();
        for (String module : List.of("lora_unet_mid", "a.b", "a.lora_A", "x.lora_B", "m.base_layer", "lora.down")) {
            String name = module + "." + suffix;
            if (decisive.decides(name)) {
                assertThat(TensorName.parse(name)).isEqualTo(new TensorName(module, decisive));
            }
        }
    }

    @Property(tries = 2000, seed = "2101")
    void noNameCrashesTheParser(@ForAll String name) {
        assertThatCode(() -> {
                    TensorName.parse(name);
                    TensorName.parse(name + ".down.weight");
                    TensorName.parse(name + "lora.bias");
                })
                .doesNotThrowAnyException();
    }
}

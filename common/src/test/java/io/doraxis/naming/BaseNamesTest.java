package io.doraxis.naming;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.fixtures.Json;
import io.doraxis.fixtures.Resources;
import io.doraxis.naming.BaseNames.Ambiguous;
import io.doraxis.naming.BaseNames.Found;
import io.doraxis.naming.BaseNames.Unmatched;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorInfo;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** An adapter's module name against the names of a base model. */
class BaseNamesTest {
    private static BaseNames base(String... modules) {
        List<TensorInfo> tensors = new ArrayList<>();
        for (String module : modules) {
            tensors.add(new TensorInfo(module + ".weight", Dtype.F32, Shape.of(2, 3), 0, 24));
            tensors.add(new TensorInfo(module + ".bias", Dtype.F32, Shape.of(2), 24, 32));
        }
        return BaseNames.of(tensors);
    }

    private static String resolved(BaseNames base, String module) {
        return base.resolve(module) instanceof Found found
                ? found.weight().module()
                : base.resolve(module).toString();
    }

    @ParameterizedTest
    @CsvSource({
        "lora_unet_down_blocks_0_attn_to_q, down_blocks.0.attn.to_q",
        "lora_unet_down_blocks_0_attn_to_q, unet.down_blocks.0.attn.to_q",
        "lora_unet_input_blocks_1_1_proj_in, model.diffusion_model.input_blocks.1.1.proj_in",
        "lora_te_text_model_encoder_layers_0_mlp_fc1, text_encoder.text_model.encoder.layers.0.mlp.fc1",
        "lora_te_text_model_encoder_layers_0_mlp_fc1, text_model.encoder.layers.0.mlp.fc1",
        "lora_te_text_model_encoder_layers_0_mlp_fc1, encoder.layers.0.mlp.fc1",
        "lora_te_encoder_layers_0_mlp_fc1, text_model.encoder.layers.0.mlp.fc1",
        "lora_te2_encoder_block_0_layer_0_SelfAttention_q, text_encoders.t5xxl.transformer.encoder.block.0.layer.0.SelfAttention.q",
        "lora_te3_encoder_block_0_layer_0_SelfAttention_q, text_encoder_2.encoder.block.0.layer.0.SelfAttention.q",
        "lora_te2_text_model_encoder_layers_31_mlp_fc1, conditioner.embedders.1.model.transformer.resblocks.31.mlp.c_fc",
        "lora_te2_encoder_layers_31_mlp_fc2, conditioner.embedders.1.model.transformer.resblocks.31.mlp.c_proj",
        "lora_te_text_model_encoder_layers_0_self_attn_out_proj, cond_stage_model.model.transformer.resblocks.0.attn.out_proj",
        "lora_te1_text_model_encoder_layers_0_mlp_fc1, conditioner.embedders.0.transformer.text_model.encoder.layers.0.mlp.fc1",
        "lycoris_b_lin, b.lin",
        "lycoris_unet_b_lin, unet.b.lin",
        "base_model.model.b.lin, b.lin",
        "unet.b.lin, b.lin",
        "diffusion_model.double_blocks.0.img_attn.qkv, double_blocks.0.img_attn.qkv",
        "down_blocks.0.attn1.processor.to_k, down_blocks.0.attn1.to_k",
        "b.lin, b.lin"
    })
    void isFoundWithAndWithoutItsComponent(String module, String weight) {
        assertThat(resolved(base("other.layer", weight), module)).isEqualTo(weight);
    }

    @Test
    void ofTwoComponentsTheNamedOneIsMeant() {
        BaseNames base = base("text_encoder.encoder.layers.0.fc", "text_encoder_2.encoder.layers.0.fc");

        assertThat(resolved(base, "lora_te1_encoder_layers_0_fc")).isEqualTo("text_encoder.encoder.layers.0.fc");
        assertThat(resolved(base, "lora_te2_encoder_layers_0_fc")).isEqualTo("text_encoder_2.encoder.layers.0.fc");
        assertThat(base.resolve("lycoris_encoder_layers_0_fc")).isInstanceOf(Ambiguous.class);
    }

    @Test
    void namesThatFlattenAlikeAreAmbiguous() {
        BaseNames base = base("a.b_c", "a_b.c");

        assertThat(base.resolve("lycoris_a_b_c"))
                .isInstanceOfSatisfying(
                        Ambiguous.class,
                        ambiguous -> assertThat(ambiguous.weights())
                                .extracting(BaseWeight::module)
                                .containsExactly("a.b_c", "a_b.c"));
    }

    @Test
    void aComponentThatTheBaseLacksIsUnmatched() {
        assertThat(base("unet.a").resolve("lora_te_a")).isInstanceOf(Unmatched.class);
        assertThat(base("unet.a").resolve("lora_unet_b")).isInstanceOf(Unmatched.class);
    }

    static Stream<String> goldenCases() {
        return Resources.names("golden").stream().filter(name -> Files.isDirectory(Resources.path("golden/" + name)));
    }

    @ParameterizedTest
    @MethodSource("goldenCases")
    void everyModuleOfTheRealLibrariesFindsItsWeight(String name) {
        Json expected = Resources.json("golden/" + name + "/expected.json");
        List<TensorInfo> tensors = new ArrayList<>();
        for (Json module : expected.get("base_modules").items()) { // all of the base, not the adapted ones only
            tensors.add(new TensorInfo(module.get("path").text() + ".weight", Dtype.F32, Shape.of(), 0, 0));
        }
        BaseNames base = BaseNames.of(tensors);
        for (Json module : expected.get("modules").items()) {
            String prefix = module.has("adapter_prefix")
                    ? module.get("adapter_prefix").text()
                    : "base_model.model." + module.get("path").text();
            if (module.has("weight_key")) {
                assertThat(base.resolve(prefix))
                        .as(prefix)
                        .isInstanceOfSatisfying(
                                Found.class,
                                found -> assertThat(found.weight().name())
                                        .isEqualTo(module.get("weight_key").text()));
            }
        }
    }
}

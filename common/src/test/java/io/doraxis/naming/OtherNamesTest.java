package io.doraxis.naming;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.fixtures.Json;
import io.doraxis.fixtures.Resources;
import io.doraxis.naming.BaseNames.Found;
import io.doraxis.naming.BaseNames.Placed;
import io.doraxis.naming.BaseNames.Unmatched;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorInfo;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Adapters that call the layers of a base model otherwise than the base does. */
class OtherNamesTest {
    private static final Map<ModelFamily, Map<String, Shape>> FAMILIES = FamilyModules.all();

    private static BaseNames base(String prefix, Map<String, Shape> modules) {
        List<TensorInfo> tensors = new ArrayList<>();
        modules.forEach((name, shape) ->
                tensors.add(new TensorInfo(prefix + name + ".weight", Dtype.F32, shape, 0, shape.elements() * 4)));
        return BaseNames.of(tensors);
    }

    private static BaseNames diffusers(ModelFamily family) {
        return base("", FAMILIES.get(family));
    }

    private static BaseNames original(ModelFamily family) {
        return base("model.diffusion_model.", OriginalNames.of(family, FAMILIES.get(family)));
    }

    /** Modules of a real adapter, by its keys. */
    private static Set<String> modules(String file, String prefix) {
        Set<String> modules = new LinkedHashSet<>();
        for (String key : Resources.json("real_headers/" + file + ".json").keys()) {
            int end = Math.max(key.indexOf(".lora_"), Math.max(key.indexOf(".alpha"), key.indexOf(".dora_scale")));
            if (key.startsWith(prefix) && end > 0) {
                modules.add(key.substring(0, end));
            }
        }
        return modules;
    }

    @ParameterizedTest
    @CsvSource({
        "SD15, lora_unet_down_blocks_2_attentions_1_transformer_blocks_0_attn2_to_k, model.diffusion_model.input_blocks.8.1.transformer_blocks.0.attn2.to_k.weight",
        "SD15, lora_unet_up_blocks_0_upsamplers_0_conv, model.diffusion_model.output_blocks.2.1.conv.weight",
        "SD21, lora_unet_mid_block_attentions_0_proj_in, model.diffusion_model.middle_block.1.proj_in.weight",
        "SDXL, unet.up_blocks.0.upsamplers.0.conv, model.diffusion_model.output_blocks.2.2.conv.weight",
        "SDXL, lora_unet_add_embedding_linear_2, model.diffusion_model.label_emb.0.2.weight",
        "FLUX1, transformer.transformer_blocks.7.attn.to_add_out, model.diffusion_model.double_blocks.7.txt_attn.proj.weight",
        "FLUX1, lora_transformer_transformer_blocks_0_attn_to_k, model.diffusion_model.double_blocks.0.img_attn.qkv.weight rows 3072-6143",
        "FLUX1, transformer.transformer_blocks.0.attn.add_v_proj, model.diffusion_model.double_blocks.0.txt_attn.qkv.weight rows 6144-9215",
        "FLUX1, transformer.single_transformer_blocks.3.proj_mlp, model.diffusion_model.single_blocks.3.linear1.weight rows 9216-21503",
        "WAN21_14B, transformer.blocks.3.attn2.to_out.0, model.diffusion_model.blocks.3.cross_attn.o.weight"
    })
    void diffusersNamesInABaseOfOriginalNames(ModelFamily family, String module, String place) {
        assertThat(original(family).resolve(module)).isInstanceOf(Placed.class).hasToString(place);
    }

    @ParameterizedTest
    @CsvSource({
        "SDXL, lora_unet_input_blocks_4_1_transformer_blocks_1_attn2_to_k, down_blocks.1.attentions.0.transformer_blocks.1.attn2.to_k.weight",
        "SDXL, lora_unet_output_blocks_2_2_conv, up_blocks.0.upsamplers.0.conv.weight",
        "FLUX1, lora_unet_double_blocks_18_txt_attn_qkv, transformer_blocks.18.attn.add_q_proj.weight + transformer_blocks.18.attn.add_k_proj.weight + transformer_blocks.18.attn.add_v_proj.weight",
        "FLUX1, lora_unet_single_blocks_37_linear1, single_transformer_blocks.37.attn.to_q.weight + single_transformer_blocks.37.attn.to_k.weight + single_transformer_blocks.37.attn.to_v.weight + single_transformer_blocks.37.proj_mlp.weight",
        "WAN21_1_3B, diffusion_model.blocks.3.self_attn.q, blocks.3.attn1.to_q.weight"
    })
    void originalNamesInABaseOfDiffusersNames(ModelFamily family, String module, String place) {
        assertThat(diffusers(family).resolve(module)).isInstanceOf(Placed.class).hasToString(place);
    }

    @Test
    void aLayerWhoseHalvesAreSwappedBetweenTheNamingsHasNoPlace() {
        assertThat(diffusers(ModelFamily.FLUX1).resolve("lora_unet_final_layer_adaLN_modulation_1"))
                .isInstanceOf(Unmatched.class);
        assertThat(original(ModelFamily.FLUX1).resolve("transformer.norm_out.linear"))
                .isInstanceOf(Unmatched.class);
    }

    @Test
    void openClipsFusedProjectionIsQueriesKeysAndValues() {
        String fused = "conditioner.embedders.1.model.transformer.resblocks.5.attn.in_proj_weight";
        BaseNames base = BaseNames.of(List.of(new TensorInfo(fused, Dtype.F16, Shape.of(3840, 1280), 0, 0)));

        Placed keys = (Placed) base.resolve("lora_te2_text_model_encoder_layers_5_self_attn_k_proj");

        assertThat(keys).hasToString(fused + " rows 1280-2559");
        assertThat(keys.shape()).isEqualTo(Shape.of(1280, 1280));
        assertThat(base.resolve("lora_te1_text_model_encoder_layers_5_self_attn_k_proj"))
                .isInstanceOf(Unmatched.class);
    }

    @ParameterizedTest
    @CsvSource({
        "invokeai_flux_lora_kohya_format, lora_unet_, 304",
        "invokeai_flux_lora_aitoolkit_format, diffusion_model., 228",
        "invokeai_flux_dora_onetrainer_format, lora_transformer_, 266",
        "invokeai_flux_lora_diffusers_format, transformer., 494"
    })
    void everyModuleOfARealFluxAdapterHasAPlaceOfItsShapeInBothNamings(String file, String prefix, int count) {
        Json header = Resources.json("real_headers/" + file + ".json");
        Set<String> modules = modules(file, prefix);
        assertThat(modules).hasSize(count);

        for (BaseNames base : List.of(diffusers(ModelFamily.FLUX1), original(ModelFamily.FLUX1))) {
            for (String module : modules) {
                String up = header.has(module + ".lora_up.weight") ? ".lora_up.weight" : ".lora_B.weight";
                String down = up.equals(".lora_up.weight") ? ".lora_down.weight" : ".lora_A.weight";
                assertThat(base.resolve(module))
                        .as(module)
                        .isInstanceOfSatisfying(
                                Placed.class,
                                place -> assertThat(place.shape())
                                        .isEqualTo(Shape.of(
                                                header.get(module + up).dims()[0],
                                                header.get(module + down).dims()[1])));
            }
        }
    }

    @Test
    void oneTrainersTextEncodersAreClipAndT5() {
        String file = "invokeai_flux_dora_onetrainer_format";
        BaseNames clip = diffusers(ModelFamily.CLIP_L);
        BaseNames t5 = base("text_encoders.t5xxl.transformer.", FAMILIES.get(ModelFamily.T5_XXL));

        assertThat(modules(file, "lora_te1_"))
                .hasSize(72)
                .allSatisfy(module -> assertThat(clip.resolve(module)).isInstanceOf(Found.class));
        assertThat(modules(file, "lora_te2_"))
                .hasSize(168)
                .allSatisfy(module -> assertThat(t5.resolve(module)).isInstanceOf(Found.class));
    }

    /** So a name can be looked up in one naming after the other without mixing them. */
    @ParameterizedTest
    @EnumSource(ModelFamily.class)
    void aNameThatBothNamingsHaveIsTheSameLayer(ModelFamily family) {
        Map<String, Shape> modules = FAMILIES.get(family);

        OriginalNames.parts(family, modules).forEach((original, parts) -> {
            if (modules.containsKey(original)) {
                assertThat(parts).containsExactly(original);
            }
        });
    }

    @Property(tries = 300)
    void everyFlattenedNameFindsTheWeightThatItWasMadeFrom(
            @ForAll ModelFamily family, @ForAll @IntRange(min = 0, max = 1000) int number) {
        List<String> names = List.copyOf(FAMILIES.get(family).keySet());
        String name = names.get(number % names.size());
        BaseNames base = diffusers(family);

        for (String module : List.of("lycoris_" + name.replace('.', '_'), "base_model.model." + name, name)) {
            assertThat(base.resolve(module)).hasToString(name + ".weight");
        }
    }
}

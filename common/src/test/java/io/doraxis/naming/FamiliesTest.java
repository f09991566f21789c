package io.doraxis.naming;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.fixtures.Json;
import io.doraxis.fixtures.Resources;
import io.doraxis.naming.Families.Layer;
import io.doraxis.tensorfile.Shape;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Base models told from the names and shapes of layers. */
class FamiliesTest {
    private static final Map<ModelFamily, Map<String, Shape>> FAMILIES = FamilyModules.all();

    private static String name(List<Layer> layers) {
        return Families.match(layers.size(), layers::get).map(FamilyMatch::name).orElse("none");
    }

    private static List<Layer> layers(String prefix, Map<String, Shape> modules, char separator) {
        List<Layer> layers = new ArrayList<>();
        modules.forEach((name, shape) ->
                layers.add(new Layer(prefix + name.replace('.', separator), shape.dim(0), shape.dimOrOne(1), false)));
        return layers;
    }

    @ParameterizedTest
    @EnumSource(ModelFamily.class)
    void everyFamilyIsToldByItsOwnNamesFlattenedAndDotted(ModelFamily family) {
        assertThat(name(layers("lycoris_", FAMILIES.get(family), '_'))).isEqualTo(family.name());
        assertThat(name(layers("base_model.model.", FAMILIES.get(family), '.'))).isEqualTo(family.name());
    }

    @ParameterizedTest
    @EnumSource(
            value = ModelFamily.class,
            names = {"SD15", "SD21", "SDXL", "FLUX1", "WAN21_1_3B", "WAN21_14B"})
    void everyFamilyIsToldByItsOriginalNames(ModelFamily family) {
        Map<String, Shape> original = OriginalNames.of(family, FAMILIES.get(family));

        assertThat(name(layers("lora_unet_", original, '_'))).isEqualTo(family.name());
        assertThat(name(layers("model.diffusion_model.", original, '.'))).isEqualTo(family.name());
    }

    @ParameterizedTest
    @CsvSource({
        "SDXL, down_blocks.1.attentions.0.transformer_blocks.1.attn2.to_k, input_blocks.4.1.transformer_blocks.1.attn2.to_k",
        "SDXL, down_blocks.2.resnets.0.conv_shortcut, input_blocks.7.0.skip_connection",
        "SDXL, down_blocks.0.downsamplers.0.conv, input_blocks.3.0.op",
        "SDXL, mid_block.attentions.0.proj_in, middle_block.1.proj_in",
        "SDXL, mid_block.resnets.1.time_emb_proj, middle_block.2.emb_layers.1",
        "SDXL, up_blocks.0.upsamplers.0.conv, output_blocks.2.2.conv",
        "SDXL, up_blocks.2.resnets.2.norm1, output_blocks.8.0.in_layers.0",
        "SD15, up_blocks.0.upsamplers.0.conv, output_blocks.2.1.conv",
        "SD15, up_blocks.3.attentions.2.proj_out, output_blocks.11.1.proj_out",
        "SD15, conv_norm_out, out.0",
        "SDXL, add_embedding.linear_2, label_emb.0.2",
        "FLUX1, transformer_blocks.7.ff_context.net.0.proj, double_blocks.7.txt_mlp.0",
        "FLUX1, transformer_blocks.7.attn.to_add_out, double_blocks.7.txt_attn.proj",
        "FLUX1, single_transformer_blocks.37.proj_out, single_blocks.37.linear2",
        "FLUX1, proj_out, final_layer.linear",
        "WAN21_14B, blocks.3.attn2.to_out.0, blocks.3.cross_attn.o"
    })
    void theOriginalNameOfAModule(ModelFamily family, String name, String original) {
        Shape shape = FAMILIES.get(family).get(name);
        assertThat(shape).isNotNull();
        Map<String, Shape> one = new LinkedHashMap<>(FAMILIES.get(family));

        assertThat(OriginalNames.of(family, one)).containsEntry(original, shape);
    }

    @Test
    void fusedLayersHaveTheRowsOfAllTheirParts() {
        Map<String, Shape> original = OriginalNames.of(ModelFamily.FLUX1, FAMILIES.get(ModelFamily.FLUX1));

        assertThat(original).containsEntry("double_blocks.0.img_attn.qkv", Shape.of(9216, 3072));
        assertThat(original).containsEntry("double_blocks.18.txt_attn.qkv", Shape.of(9216, 3072));
        assertThat(original).containsEntry("single_blocks.37.linear1", Shape.of(21504, 3072));
    }

    @Test
    void layersThatTwoModelsShareNameBoth() {
        assertThat(name(List.of(new Layer(
                        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q", 320, 320, false))))
                .isEqualTo("SD15|SD21");
    }

    @Test
    void modelsThatDifferInTheNumberOfTheirBlocksAreToldByAllOfThem() {
        List<Layer> someBlocks = List.of(
                new Layer("transformer.transformer_blocks.0.attn.to_q", 3072, 3072, false),
                new Layer("transformer.transformer_blocks.1.attn.to_q", 3072, 3072, false));
        List<Layer> allOfFlux = new ArrayList<>();
        for (int i = 0; i < 19; i++) {
            allOfFlux.add(new Layer("transformer.transformer_blocks." + i + ".attn.to_q", 3072, 3072, false));
        }

        assertThat(name(someBlocks)).isEqualTo("FLUX1|HUNYUAN_VIDEO|QWEN_IMAGE");
        assertThat(name(allOfFlux)).isEqualTo("FLUX1");
    }

    @Test
    void aKnownNameOfAnotherShapeIsNoEvidence() {
        assertThat(name(List.of(new Layer(
                        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k", 16, 24, false))))
                .isEqualTo("none");
    }

    @Test
    void aKnownNameWithoutAnyDimensionIsNoEvidence() {
        assertThat(Families.match(2, i -> new Layer("model.layers." + i + ".mlp.down_proj", 0, 0, false)))
                .isEmpty();
    }

    @Test
    void unknownNamesHaveNoFamily() {
        assertThat(name(List.of(new Layer("lycoris_b_lin", 320, 320, false)))).isEqualTo("none");
        assertThat(name(List.of())).isEqualTo("none");
    }

    @Test
    void flattenedFactorsFitWithTheKernelInThem() {
        assertThat(name(List.of(
                        new Layer("lora_unet_down_blocks_0_resnets_0_conv1", 320, 320 * 9, true),
                        new Layer(
                                "lora_unet_down_blocks_2_attentions_0_transformer_blocks_9_attn2_to_k",
                                1280,
                                2048,
                                true))))
                .isEqualTo("SDXL");
    }

    @ParameterizedTest
    @CsvSource({
        "invokeai_flux_dora_onetrainer_format, FLUX1",
        "invokeai_flux_lora_kohya_format, FLUX1",
        "invokeai_flux_lora_aitoolkit_format, FLUX1",
        "invokeai_flux_lora_diffusers_format, FLUX1",
        "invokeai_flux_lora_diffusers_base_model_format, FLUX1",
        "invokeai_anima_lora_kohya_format, none",
        "wellCh4n+pokemon-diffusers__pytorch_lora_weights, SD15"
    })
    void realAdapters(String file, String family) {
        Json header = Resources.json("real_headers/" + file + ".json");
        Map<String, long[]> layers = new LinkedHashMap<>();
        for (String key : header.keys()) {
            for (String[] ends : new String[][] {
                {".lora_up.weight", "0"}, {".lora_B.weight", "0"}, {"_lora.up.weight", "0"},
                {".lora_down.weight", "1"}, {".lora_A.weight", "1"}, {"_lora.down.weight", "1"}
            }) {
                if (key.endsWith(ends[0])) {
                    int side = Integer.parseInt(ends[1]);
                    layers.computeIfAbsent(key.substring(0, key.length() - ends[0].length()), k -> new long[2])[side] =
                            header.get(key).dims()[side];
                }
            }
        }
        List<Layer> list = new ArrayList<>();
        layers.forEach((name, dims) -> list.add(new Layer(name, dims[0], dims[1], false)));

        assertThat(name(list)).isEqualTo(family);
    }
}

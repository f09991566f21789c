package io.doraxis.adapter;

import static io.doraxis.adapter.Layers.isLayer;
import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.fixtures.Adapters;
import io.doraxis.tensorfile.Shape;
import org.junit.jupiter.api.Test;

/** The adapted layer's true dimensions, recovered from factors that hide them in different ways. */
class ModuleDimensionsTest {
    @Test
    void aLinearLora() {
        isLayer(new Adapters().lora("m", 320, 768).module(), Algorithm.LORA, LayerKind.LINEAR, 320, 768, 4);
    }

    @Test
    void aConvolutionsLoraHasItsKernelInDown() {
        AdapterModule module = new Adapters().lora("m", 64, 16, 3, 5).module();
        isLayer(module, Algorithm.LORA, LayerKind.CONV, 64, 16, 4);
        assertThat(module.kernel()).isEqualTo(Shape.of(3, 5));
    }

    @Test
    void aTuckerLoconHasItsKernelInTheCore() {
        AdapterModule module = new Adapters()
                .tensor("m.lora_down.weight", 4, 16, 1, 1)
                .tensor("m.lora_mid.weight", 4, 4, 3, 3)
                .tensor("m.lora_up.weight", 64, 4, 1, 1)
                .module();
        isLayer(module, Algorithm.LORA, LayerKind.CONV, 64, 16, 4);
        assertThat(module.kernel()).isEqualTo(Shape.of(3, 3));
    }

    @Test
    void aDyloraOfAConvolutionHasTwoDimensionalFactors() {
        AdapterModule module = new Adapters()
                .tensor("m.lora_down.weight", 4, 144)
                .tensor("m.lora_up.weight", 64, 4)
                .module();
        isLayer(module, Algorithm.LORA, LayerKind.LINEAR, 64, 144, 4);
    }

    @Test
    void aDyloraOfAConvolutionWithAnUpOfTwoDimensions() {
        AdapterModule module = new Adapters()
                .tensor("m.lora_down.weight", 4, 16, 3, 3)
                .tensor("m.lora_up.weight", 64, 4)
                .module();
        isLayer(module, Algorithm.LORA, LayerKind.CONV, 64, 16, 4);
        assertThat(module.kernel()).isEqualTo(Shape.of(3, 3));
    }

    @Test
    void aPeftEmbeddingIsTransposed() {
        AdapterModule module = new Adapters()
                .tensor("base_model.model.wte.lora_embedding_A", 8, 50257)
                .tensor("base_model.model.wte.lora_embedding_B", 768, 8)
                .module();
        isLayer(module, Algorithm.LORA, LayerKind.EMBEDDING, 768, 50257, 8);
    }

    @Test
    void aGloraHasItsInputsInTheFirstFactor() {
        AdapterModule module = new Adapters()
                .tensor("m.a1.weight", 16, 4, 1, 1)
                .tensor("m.a2.weight", 4, 16, 1, 1)
                .tensor("m.b1.weight", 64, 4, 1, 1)
                .tensor("m.b2.weight", 4, 16, 3, 3)
                .module();
        isLayer(module, Algorithm.GLORA, LayerKind.CONV, 64, 16, 4);
        assertThat(module.kernel()).isEqualTo(Shape.of(3, 3));
    }

    @Test
    void rotationsTellOnlyTheOutputs() {
        isLayer(new Adapters().tensor("m.oft_blocks", 5, 8, 8).module(), Algorithm.OFT, LayerKind.UNKNOWN, 40, 0, null);
        isLayer(
                new Adapters().tensor("m.oft_blocks", 2, 5, 8, 8).module(),
                Algorithm.BOFT,
                LayerKind.UNKNOWN,
                40,
                0,
                null);
        isLayer(new Adapters().tensor("m.oft_R.weight", 5, 28).module(), Algorithm.OFT, LayerKind.UNKNOWN, 0, 0, null);
        isLayer(new Adapters().tensor("m.boft_R", 2, 5, 8, 8).module(), Algorithm.BOFT, LayerKind.UNKNOWN, 0, 0, null);
    }

    @Test
    void differencesNormsVectorsAndTlora() {
        isLayer(new Adapters().tensor("m.diff", 64, 16, 3, 3).module(), Algorithm.FULL, LayerKind.CONV, 64, 16, null);
        isLayer(new Adapters().tensor("m.diff", 64).module(), Algorithm.FULL, LayerKind.NORM, 64, 0, null);
        isLayer(new Adapters().tensor("m.w_norm", 64).module(), Algorithm.NORM, LayerKind.NORM, 64, 0, null);
        isLayer(new Adapters().tensor("m.b_norm", 64).module(), Algorithm.NORM, LayerKind.NORM, 64, 0, null);
        isLayer(
                new Adapters()
                        .tensor("m.weight", 1, 64, 1, 1)
                        .tensor("m.on_input")
                        .module(),
                Algorithm.IA3,
                LayerKind.CONV,
                0,
                0,
                null);
        isLayer(
                new Adapters()
                        .tensor("m.q_layer.weight", 4, 16)
                        .tensor("m.p_layer.weight", 64, 4)
                        .module(),
                Algorithm.TLORA,
                LayerKind.LINEAR,
                64,
                16,
                4);
    }

    @Test
    void aModuleThatLacksAFactorIsIncomplete() {
        AdapterModule module = new Adapters()
                .tensor("m.lora_down.weight", 4, 16)
                .magnitude("m", 64, 1)
                .module();
        assertThat(module.isComplete()).isFalse();
        assertThat(module.hasDora()).isTrue();
        AdapterModule lokr = new Adapters()
                .tensor("m.lokr_w1", 8, 4)
                .tensor("m.lokr_w2_a", 40, 6)
                .module();
        assertThat(lokr.isComplete()).isFalse();
    }

    @Test
    void weightsAloneAreNoModules() {
        AdapterIndex index = new Adapters()
                .tensor("conv.weight", 8, 8)
                .tensor("conv.bias", 8)
                .tensor("x", 1)
                .adapter();
        assertThat(index.modules()).isEmpty();
        assertThat(index.unrecognised()).isEqualTo(3);
        assertThat(index.unrecognisedNames()).containsExactly("x", "conv");
    }
}

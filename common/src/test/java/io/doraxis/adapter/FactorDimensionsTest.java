package io.doraxis.adapter;

import static io.doraxis.adapter.Layers.isLayer;
import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.fixtures.Adapters;
import io.doraxis.tensorfile.Shape;
import org.junit.jupiter.api.Test;

/** The dimensions behind the factors of LoHa and LoKr, which transpose, divide or flatten them. */
class FactorDimensionsTest {
    @Test
    void aPlainLohaMayHideAKernelInItsInputs() {
        AdapterModule module = new Adapters().loha("m", 64, 144).module();
        isLayer(module, Algorithm.LOHA, LayerKind.UNKNOWN, 64, 144, 4);
        assertThat(module.flattened()).isTrue();
    }

    @Test
    void theRankOfTheMagnitudeTellsAFlattenedConvolutionFromALinearLayer() {
        AdapterModule convolution =
                new Adapters().loha("m", 64, 144).magnitude("m", 1, 16, 1, 1).module();
        assertThat(convolution.layerKind()).isEqualTo(LayerKind.CONV);
        assertThat(convolution.flattened()).isTrue();
        AdapterModule linear =
                new Adapters().loha("m", 64, 144).magnitude("m", 1, 144).module();
        assertThat(linear.layerKind()).isEqualTo(LayerKind.LINEAR);
        assertThat(linear.flattened()).isFalse();
        AdapterModule unknown =
                new Adapters().loha("m", 64, 144).magnitude("m", 64).module();
        assertThat(unknown.layerKind()).isEqualTo(LayerKind.UNKNOWN);
        assertThat(unknown.flattened()).isTrue();
    }

    @Test
    void aTuckerLohaHasItsOutputsInTheSecondDimension() {
        AdapterModule module = new Adapters().tuckerLoha("m", 64, 16).module();
        isLayer(module, Algorithm.LOHA, LayerKind.CONV, 64, 16, 4);
        assertThat(module.kernel()).isEqualTo(Shape.of(3, 3));
        assertThat(module.flattened()).isFalse();
    }

    @Test
    void aLokrOfTwoFullFactors() {
        AdapterModule module = new Adapters()
                .tensor("m.lokr_w1", 8, 4)
                .tensor("m.lokr_w2", 40, 192)
                .module();
        isLayer(module, Algorithm.LOKR, LayerKind.LINEAR, 320, 768, null);
    }

    @Test
    void aLokrWithADecomposedSecondFactorMayHideAKernel() {
        AdapterModule module = new Adapters()
                .tensor("m.lokr_w1", 8, 4)
                .tensor("m.lokr_w2_a", 40, 6)
                .tensor("m.lokr_w2_b", 6, 192)
                .module();
        isLayer(module, Algorithm.LOKR, LayerKind.UNKNOWN, 320, 768, 6);
        assertThat(module.flattened()).isTrue();
    }

    @Test
    void aLokrWithBothFactorsDecomposed() {
        AdapterModule module = new Adapters()
                .tensor("m.lokr_w1_a", 8, 2)
                .tensor("m.lokr_w1_b", 2, 4)
                .tensor("m.lokr_w2_a", 40, 6)
                .tensor("m.lokr_w2_b", 6, 192)
                .module();
        isLayer(module, Algorithm.LOKR, LayerKind.UNKNOWN, 320, 768, 6);
    }

    @Test
    void aLokrWithADecomposedFirstFactorOnly() {
        AdapterModule module = new Adapters()
                .tensor("m.lokr_w1_a", 8, 2)
                .tensor("m.lokr_w1_b", 2, 4)
                .tensor("m.lokr_w2", 8, 4, 3, 3)
                .module();
        isLayer(module, Algorithm.LOKR, LayerKind.CONV, 64, 16, 2);
        assertThat(module.kernel()).isEqualTo(Shape.of(3, 3));
    }

    @Test
    void aTuckerLokrHasItsOutputsInTheSecondDimension() {
        AdapterModule module = new Adapters()
                .tensor("m.lokr_w1", 8, 4)
                .tensor("m.lokr_w2_a", 6, 8)
                .tensor("m.lokr_w2_b", 6, 4)
                .tensor("m.lokr_t2", 6, 6, 3, 3)
                .module();
        isLayer(module, Algorithm.LOKR, LayerKind.CONV, 64, 16, 6);
        assertThat(module.kernel()).isEqualTo(Shape.of(3, 3));
        assertThat(module.flattened()).isFalse();
    }

    @Test
    void dimensionsBeyondAnyLayerDoNotOverflow() {
        AdapterModule module = new Adapters()
                .tensor("m.lokr_w1", 1L << 40, -1)
                .tensor("m.lokr_w2", 1L << 40, 1)
                .module();
        assertThat(module.out()).isZero();
        assertThat(module.in()).isZero();
    }
}

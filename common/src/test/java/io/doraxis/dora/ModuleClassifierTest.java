package io.doraxis.dora;

import static io.doraxis.dora.Evidence.Kind.FITS_BOTH;
import static io.doraxis.dora.Evidence.Kind.FITS_NEITHER;
import static io.doraxis.dora.Evidence.Kind.FLAT_LENGTH;
import static io.doraxis.dora.Evidence.Kind.KEY_NAME;
import static io.doraxis.dora.Evidence.Kind.NONE;
import static io.doraxis.dora.Evidence.Kind.RECTANGULAR_LAYER;
import static io.doraxis.dora.Evidence.Kind.RENAMED_PEFT_CONV;
import static io.doraxis.dora.Evidence.Kind.SINGLE_ELEMENT;
import static io.doraxis.dora.Evidence.Kind.SQUARE_LAYER;
import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.fixtures.Adapters;
import org.junit.jupiter.api.Test;

/** One sentence for each thing that a naive check gets wrong. */
class ModuleClassifierTest {
    @Test
    void rowsOfALinearLayerAreItsOutputs() {
        proves(lora(8, 16).magnitude("m", 8, 1), ModuleAxis.OUTPUT, RECTANGULAR_LAYER);
        proves(lora(16, 16).magnitude("m", 16, 1), ModuleAxis.OUTPUT, SQUARE_LAYER);
    }

    @Test
    void columnsOfALinearLayerAreItsInputs() {
        proves(lora(8, 16).magnitude("m", 1, 16), ModuleAxis.INPUT, RECTANGULAR_LAYER);
        proves(lora(16, 16).magnitude("m", 1, 16), ModuleAxis.INPUT, SQUARE_LAYER);
    }

    @Test
    void aModuleWithoutAMagnitudeHasNoAxis() {
        proves(lora(8, 16), ModuleAxis.NONE, NONE);
    }

    @Test
    void aFirstDimensionOfOneIsNoProofOfTheInputAxisWhereTheLayerHasOneOutput() {
        proves(lora(1, 16).magnitude("m", 1, 1), ModuleAxis.OUTPUT, SINGLE_ELEMENT);
        proves(lora(1, 16).magnitude("m", 1, 16), ModuleAxis.INPUT, RECTANGULAR_LAYER);
    }

    @Test
    void aFirstDimensionOfOneIsTheOutputAxisInPeftsConvolutions() {
        proves(conv(64, 16).magnitude("m", 1, 64, 1, 1), ModuleAxis.OUTPUT, RENAMED_PEFT_CONV);
        proves(
                new Adapters()
                        .tensor("m.lora_A.weight", 4, 16, 3, 3)
                        .tensor("m.lora_B.weight", 64, 4, 1, 1)
                        .tensor("m.lora_magnitude_vector", 1, 64, 1, 1),
                ModuleAxis.OUTPUT,
                KEY_NAME);
    }

    @Test
    void aFlatMagnitudeOfASquareLayerProvesNothing() {
        proves(lora(16, 16).magnitude("m", 16), ModuleAxis.AMBIGUOUS, FITS_BOTH, "flat magnitude [16] fits both axes");
    }

    @Test
    void aFlatMagnitudeOfARectangularLayerIsDecidedByItsLength() {
        proves(lora(8, 16).magnitude("m", 8), ModuleAxis.OUTPUT, FLAT_LENGTH);
        proves(lora(8, 16).magnitude("m", 16), ModuleAxis.INPUT, FLAT_LENGTH);
    }

    @Test
    void aConvolutionOfOneByOneIsDecidedByPositionToo() {
        proves(new Adapters().lora("m", 16, 16, 1, 1).magnitude("m", 1, 16, 1, 1), ModuleAxis.INPUT, SQUARE_LAYER);
        proves(new Adapters().lora("m", 16, 16, 1, 1).magnitude("m", 16, 1, 1, 1), ModuleAxis.OUTPUT, SQUARE_LAYER);
    }

    @Test
    void aFusedProjectionHasThreeTimesTheOutputs() {
        proves(lora(9216, 3072).magnitude("m", 9216, 1), ModuleAxis.OUTPUT, RECTANGULAR_LAYER);
        proves(lora(9216, 3072).magnitude("m", 1, 3072), ModuleAxis.INPUT, RECTANGULAR_LAYER);
    }

    @Test
    void aGroupedConvolutionHasTheInputsOfOneGroup() {
        proves(conv(64, 4).magnitude("m", 64, 1, 1, 1), ModuleAxis.OUTPUT, RECTANGULAR_LAYER);
        proves(conv(64, 4).magnitude("m", 1, 4, 1, 1), ModuleAxis.INPUT, RECTANGULAR_LAYER);
        proves(conv(64, 4).magnitude("m", 1, 64, 1, 1), ModuleAxis.OUTPUT, RENAMED_PEFT_CONV);
    }

    @Test
    void aDepthwiseConvolutionHasOneInput() {
        proves(conv(64, 1).magnitude("m", 1, 1, 1, 1), ModuleAxis.INPUT, SINGLE_ELEMENT);
        proves(conv(64, 1).magnitude("m", 64, 1, 1, 1), ModuleAxis.OUTPUT, RECTANGULAR_LAYER);
    }

    @Test
    void aLayerOfOneInputAndOneOutputIsTheSameOnBothAxes() {
        proves(
                lora(1, 1).magnitude("m", 1, 1),
                ModuleAxis.AMBIGUOUS,
                FITS_BOTH,
                "one row and one column: both axes are the same");
    }

    @Test
    void aSquareConvolutionIsOfTheInputAxisUnlessTheFileHasRenamedPeftConvolutions() {
        AdapterModule module = conv(64, 64).magnitude("m", 1, 64, 1, 1).module();
        assertThat(ModuleClassifier.classify(module, false))
                .isEqualTo(ModuleVerdict.of(ModuleAxis.INPUT, SQUARE_LAYER));
        assertThat(ModuleClassifier.classify(module, true))
                .isEqualTo(new ModuleVerdict(
                        ModuleAxis.AMBIGUOUS,
                        FITS_BOTH,
                        "square convolution in a file with renamed PEFT convolutions"));
    }

    @Test
    void renamedPeftConvolutionsLeaveLinearAndOutputLayersAlone() {
        assertThat(ModuleClassifier.classify(lora(64, 64).magnitude("m", 1, 64).module(), true))
                .isEqualTo(ModuleVerdict.of(ModuleAxis.INPUT, SQUARE_LAYER));
        assertThat(ModuleClassifier.classify(
                        conv(64, 64).magnitude("m", 64, 1, 1, 1).module(), true))
                .isEqualTo(ModuleVerdict.of(ModuleAxis.OUTPUT, SQUARE_LAYER));
    }

    @Test
    void onlyARectangularConvolutionShowsARenamedOne() {
        assertThat(shows(conv(64, 16).magnitude("m", 1, 64, 1, 1))).isTrue();
        assertThat(shows(conv(64, 64).magnitude("m", 1, 64, 1, 1))).isFalse();
        assertThat(shows(conv(64, 16).magnitude("m", 1, 16, 1, 1))).isFalse();
        assertThat(shows(conv(64, 16).magnitude("m", 64, 1, 1, 1))).isFalse();
        assertThat(shows(lora(64, 16).magnitude("m", 1, 64))).isFalse();
        assertThat(shows(conv(64, 16))).isFalse();
    }

    @Test
    void theKeyOfPeftMeansTheOutputAxisWhateverTheRank() {
        proves(peft().tensor("m.lora_magnitude_vector", 16), ModuleAxis.OUTPUT, KEY_NAME);
        proves(peft().tensor("m.lora_magnitude_vector.weight", 16, 1), ModuleAxis.OUTPUT, KEY_NAME);
        proves(peft().tensor("m.magnitude", 16), ModuleAxis.OUTPUT, KEY_NAME);
        proves(peft().tensor("m.weight_m_wdecomp.weight", 16, 1), ModuleAxis.OUTPUT, KEY_NAME);
    }

    @Test
    void theKeyOfPeftOverTheInputsIsInvalid() {
        proves(
                new Adapters().lora("m", 8, 16).tensor("m.lora_magnitude_vector", 16),
                ModuleAxis.INVALID,
                FITS_NEITHER,
                "magnitude [16] on out 8, in 16: its key means one value per output");
    }

    private static void proves(Adapters file, ModuleAxis axis, Evidence.Kind evidence, String... detail) {
        assertThat(ModuleClassifier.classify(file.module(), false))
                .isEqualTo(new ModuleVerdict(axis, evidence, String.join("", detail)));
    }

    private static boolean shows(Adapters file) {
        return ModuleClassifier.showsRenamedPeftConv(file.module());
    }

    private static Adapters lora(long out, long in) {
        return new Adapters().lora("m", out, in);
    }

    private static Adapters conv(long out, long in) {
        return new Adapters().lora("m", out, in, 3, 3);
    }

    private static Adapters peft() {
        return new Adapters().tensor("m.lora_A.weight", 4, 16).tensor("m.lora_B.weight", 16, 4);
    }
}

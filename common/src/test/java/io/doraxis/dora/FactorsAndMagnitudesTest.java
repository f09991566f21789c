package io.doraxis.dora;

import static io.doraxis.dora.Evidence.Kind.FITS_BOTH;
import static io.doraxis.dora.Evidence.Kind.FITS_NEITHER;
import static io.doraxis.dora.Evidence.Kind.FLAT_LENGTH;
import static io.doraxis.dora.Evidence.Kind.RECTANGULAR_LAYER;
import static io.doraxis.dora.Evidence.Kind.SQUARE_LAYER;
import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.fixtures.Adapters;
import org.junit.jupiter.api.Test;

/** The axis beside factors that do not show the dimensions, and magnitudes that fit none. */
class FactorsAndMagnitudesTest {
    @Test
    void factorsOfTuckerLohaAreTransposed() {
        Adapters tucker = new Adapters().tuckerLoha("m", 64, 16);
        proves(tucker.magnitude("m", 1, 16, 1, 1), ModuleAxis.INPUT, RECTANGULAR_LAYER);
    }

    @Test
    void factorsOfLokrAreDivisorsOfTheDimensions() {
        proves(lokr().magnitude("m", 1, 768), ModuleAxis.INPUT, RECTANGULAR_LAYER);
        proves(lokr().magnitude("m", 320, 1), ModuleAxis.OUTPUT, RECTANGULAR_LAYER);
    }

    @Test
    void flattenedFactorsMayHoldAUsualKernel() {
        proves(new Adapters().loha("m", 64, 16 * 9).magnitude("m", 1, 16, 1, 1), ModuleAxis.INPUT, RECTANGULAR_LAYER);
        proves(
                new Adapters().loha("m", 64, 16 * 27).magnitude("m", 1, 16, 1, 1, 1),
                ModuleAxis.INPUT,
                RECTANGULAR_LAYER);
        proves(new Adapters().loha("m", 64, 64 * 9).magnitude("m", 1, 64, 1, 1), ModuleAxis.INPUT, SQUARE_LAYER);
        proves(new Adapters().loha("m", 64, 64 * 9).magnitude("m", 64, 1, 1, 1), ModuleAxis.OUTPUT, SQUARE_LAYER);
        proves(
                new Adapters().loha("m", 16, 16 * 9).magnitude("m", 16),
                ModuleAxis.AMBIGUOUS,
                FITS_BOTH,
                "flat magnitude [16] fits both axes");
    }

    @Test
    void flattenedFactorsHoldNoUnusualKernel() {
        proves(
                new Adapters().loha("m", 64, 16 * 4).magnitude("m", 1, 16, 1, 1),
                ModuleAxis.INVALID,
                FITS_NEITHER,
                "magnitude [1, 16, 1, 1] on out 64, in 64: its columns are not the layer's inputs");
        proves(new Adapters().loha("m", 16, 16 * 4).magnitude("m", 16), ModuleAxis.OUTPUT, FLAT_LENGTH);
    }

    @Test
    void aMagnitudeOfTwoDimensionsRulesAKernelOut() {
        proves(
                new Adapters().loha("m", 64, 144).magnitude("m", 1, 16),
                ModuleAxis.INVALID,
                FITS_NEITHER,
                "magnitude [1, 16] on out 64, in 144: its columns are not the layer's inputs");
    }

    @Test
    void aMagnitudeThatFitsNeitherAxisIsInvalid() {
        invalid(lora(8, 16).magnitude("m", 7), "magnitude [7] on out 8, in 16: flat");
        invalid(
                lora(8, 16).magnitude("m", 7, 1),
                "magnitude [7, 1] on out 8, in 16: its rows are not the layer's outputs");
        invalid(
                lora(8, 16).magnitude("m", 1, 8),
                "magnitude [1, 8] on out 8, in 16: its columns are not the layer's inputs");
        invalid(lora(8, 16).magnitude("m", 8, 16), "magnitude [8, 16] on out 8, in 16: more than one long dimension");
        invalid(lora(8, 16).magnitude("m"), "magnitude [] on out 8, in 16: one value");
        invalid(lora(8, 16).magnitude("m", 0), "magnitude [0] on out 8, in 16: flat");
        invalid(
                conv(8, 16).magnitude("m", 1, 1, 3, 1),
                "magnitude [1, 1, 3, 1] on out 8, in 16: its long dimension is a kernel's");
    }

    @Test
    void aMagnitudeWithoutFactorsIsInvalid() {
        invalid(
                new Adapters().magnitude("m", 16, 1),
                "magnitude [16, 1] on out 0, in 0: no complete factors beside it");
        invalid(
                new Adapters().tensor("m.lora_down.weight", 4, 16).magnitude("m", 16, 1),
                "magnitude [16, 1] on out 0, in 0: no complete factors beside it");
    }

    private static void invalid(Adapters file, String detail) {
        proves(file, ModuleAxis.INVALID, FITS_NEITHER, detail);
    }

    private static void proves(Adapters file, ModuleAxis axis, Evidence.Kind evidence, String... detail) {
        assertThat(ModuleClassifier.classify(file.module(), false))
                .isEqualTo(new ModuleVerdict(axis, evidence, String.join("", detail)));
    }

    private static Adapters lora(long out, long in) {
        return new Adapters().lora("m", out, in);
    }

    private static Adapters conv(long out, long in) {
        return new Adapters().lora("m", out, in, 3, 3);
    }

    private static Adapters lokr() {
        return new Adapters().tensor("m.lokr_w1", 8, 4).tensor("m.lokr_w2", 40, 192);
    }
}

package io.doraxis.consumer;

import static io.doraxis.consumer.Outcome.EXACT;
import static io.doraxis.consumer.Outcome.PARTIAL;
import static io.doraxis.consumer.Outcome.REJECTS;
import static io.doraxis.consumer.Outcome.SILENTLY_WRONG;
import static io.doraxis.consumer.Outcome.UNKNOWN;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LycorisPredictionTest {
    private static final String M = "lycoris_m";
    private static final String NOW = "lycoris@4.1";
    private static final String BEFORE = "lycoris@3.1";

    private static AdapterFile lora(long out, long in) {
        return AdapterFile.of().lora(M, out, in);
    }

    private static AdapterFile lokr(long[] w1, long[] w2a, long[] w2b) {
        return AdapterFile.of()
                .tensor(M + ".lokr_w1", w1)
                .tensor(M + ".lokr_w2_a", w2a)
                .tensor(M + ".lokr_w2_b", w2b)
                .alpha(M, 2);
    }

    private static long[] shape(long... dims) {
        return dims;
    }

    @Test
    void theOutputAxisIsExactNowAndWasRejectedBefore() {
        AdapterFile file = lora(16, 20).tensor(M + ".dora_scale", 16, 1);
        assertThat(file.predict(NOW).outcome()).isEqualTo(EXACT);
        assertThat(file.predict(BEFORE).outcome()).isEqualTo(REJECTS);
    }

    @Test
    void theInputAxisIsRejectedNowAndWasExactBefore() {
        AdapterFile file = lora(20, 20).tensor(M + ".dora_scale", 1, 20);
        assertThat(file.predict(NOW))
                .isEqualTo(new Prediction(
                        REJECTS,
                        "lycoris@4.1/dora-not-on-output: dora_scale does not fit the [out, 1] buffer:"
                                + " RuntimeError on load (run)"));
        assertThat(file.predict(BEFORE).outcome()).isEqualTo(EXACT);
    }

    @Test
    void theInputAxisOfOneInputIsBroadcastInSilence() {
        AdapterFile file = lora(16, 1).tensor(M + ".dora_scale", 1, 1);
        assertThat(file.predict(NOW).outcome()).isEqualTo(SILENTLY_WRONG);
        assertThat(file.predict(BEFORE).outcome()).isEqualTo(EXACT);
    }

    @Test
    void theOutputAxisOfOneOutputIsBroadcastInSilenceBefore() {
        AdapterFile file = lora(1, 16).tensor(M + ".dora_scale", 1, 1);
        assertThat(file.predict(NOW).outcome()).isEqualTo(EXACT);
        assertThat(file.predict(BEFORE).outcome()).isEqualTo(SILENTLY_WRONG);
    }

    @Test
    void aFlatMagnitudeIsRejectedNowWhateverItsAxis() {
        AdapterFile file = lora(20, 20).tensor(M + ".dora_scale", 20);
        assertThat(file.predict(NOW).outcome()).isEqualTo(REJECTS);
        assertThat(file.predict(BEFORE).outcome()).isEqualTo(UNKNOWN);
    }

    @Test
    void oneModuleThatRaisesRejectsTheFile() {
        AdapterFile file = lora(16, 20)
                .tensor(M + ".dora_scale", 16, 1)
                .lora("lycoris_n", 16, 20)
                .tensor("lycoris_n.dora_scale", 1, 20);
        assertThat(file.predict(NOW).outcome()).isEqualTo(REJECTS);
    }

    @Test
    void aMissingAlphaIsATypeError() {
        AdapterFile file =
                AdapterFile.of().tensor(M + ".lora_down.weight", 4, 20).tensor(M + ".lora_up.weight", 16, 4);
        assertThat(file.predict(NOW).reason()).startsWith("lycoris@4.1/alpha-missing: ");
    }

    @Test
    void anAlphaThatWasNotReadIsNoObstacle() {
        assertThat(lora(16, 20).withoutReadingAlpha().predict(NOW).outcome()).isEqualTo(EXACT);
    }

    @Test
    void ia3IsRejected() {
        AdapterFile file = AdapterFile.of().tensor(M + ".weight", 16).tensor(M + ".on_input");
        assertThat(file.predict(NOW).reason()).startsWith("lycoris@4.1/ia3: ");
    }

    @Test
    void tloraIsUnknown() {
        AdapterFile file = AdapterFile.of()
                .tensor(M + ".q_layer.weight", 4, 20)
                .tensor(M + ".p_layer.weight", 16, 4)
                .tensor(M + ".lambda_layer", 1, 4)
                .alpha(M, 4);
        assertThat(file.predict(NOW).outcome()).isEqualTo(UNKNOWN);
    }

    @Test
    void namesOfNeitherLoaderLoadNothing() {
        assertThat(AdapterFile.of().lora("lora_transformer_m", 16, 20).predict(NOW))
                .isEqualTo(new Prediction(
                        REJECTS,
                        "lycoris@4.1/names-not-loaded: kohya's loader takes lora_unet* and lora_te* names, the"
                                + " wrapper's lycoris_*; others are passed over, and the number of loaded modules is"
                                + " logged (create_lycoris_from_weights, create_network_from_weights); no module is"
                                + " loaded"));
    }

    @Test
    void someNamesOfNeitherLoaderArePassedOver() {
        AdapterFile file = lora(16, 20).lora("diffusion_model.m", 16, 20);
        assertThat(file.predict(NOW).outcome()).isEqualTo(PARTIAL);
    }

    @Test
    void peftsMagnitudeUnderKohyasNamesIsIgnored() {
        AdapterFile file = AdapterFile.of().lora("lora_unet_m", 16, 20).tensor("lora_unet_m.lora_magnitude_vector", 16);
        assertThat(file.predict(NOW).outcome()).isEqualTo(SILENTLY_WRONG);
    }

    @Test
    void peftsKeysUnderKohyasNamesHaveNoAlgorithm() {
        AdapterFile file = AdapterFile.of()
                .tensor("lora_unet_m.lora_A.weight", 4, 20)
                .tensor("lora_unet_m.lora_B.weight", 16, 4)
                .alpha("lora_unet_m", 4);
        assertThat(file.predict(NOW).reason()).startsWith("lycoris@4.1/keys-not-detected: ");
    }

    @Test
    void balancedLokrIsFoundBack() {
        assertThat(lokr(shape(8, 4), shape(8, 2), shape(2, 8)).predict(NOW).outcome())
                .isEqualTo(EXACT);
        assertThat(lokr(shape(6, 4), shape(8, 2), shape(2, 72)).predict(NOW).outcome())
                .as("48x32x3x3")
                .isEqualTo(EXACT);
        assertThat(lokr(shape(4, 4), shape(12, 2), shape(2, 72)).predict(NOW).outcome())
                .as("48x32x3x3 with factor 4")
                .isEqualTo(EXACT);
    }

    @Test
    void unbalancedLokrIsNotFoundBack() {
        assertThat(lokr(shape(8, 4), shape(6, 2), shape(2, 72)).predict(NOW).reason())
                .startsWith("lycoris@4.1/factors-not-fitting: ");
    }

    @Test
    void tuckerLokrTakesItsOutputsForTheRank() {
        AdapterFile file = lokr(shape(6, 4), shape(2, 8), shape(2, 8)).tensor(M + ".lokr_t2", 2, 2, 3, 3);
        assertThat(file.predict(NOW).reason()).startsWith("lycoris@4.1/factors-not-fitting: ");
    }

    @Test
    void aConvolutionOfDyloraHasAFlatUp() {
        AdapterFile file = AdapterFile.of()
                .tensor(M + ".lora_down.weight", 4, 20, 3, 3)
                .tensor(M + ".lora_up.weight", 16, 4)
                .alpha(M, 4);
        assertThat(file.predict(NOW).outcome()).isEqualTo(REJECTS);
    }

    @Test
    void butterfliesOfTheRightDepthLoad() {
        AdapterFile file =
                AdapterFile.of().tensor(M + ".oft_blocks", 4, 8, 6, 6).alpha(M, 0);
        assertThat(file.predict(NOW).outcome()).isEqualTo(EXACT);
    }

    @Test
    void aDimensionIsSplitAsLycorisDocumentsIt() {
        assertThat(LycorisLokr.factorization(127, 16)).isEqualTo(1);
        assertThat(LycorisLokr.factorization(250, -1)).isEqualTo(10);
        assertThat(LycorisLokr.factorization(250, 4)).isEqualTo(2);
        assertThat(LycorisLokr.factorization(360, -1)).isEqualTo(18);
        assertThat(LycorisLokr.factorization(360, 16)).isEqualTo(15);
        assertThat(LycorisLokr.factorization(1024, 8)).isEqualTo(8);
        assertThat(LycorisLokr.factorization(48, 8)).isEqualTo(6);
    }
}

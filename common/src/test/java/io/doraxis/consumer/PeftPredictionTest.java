package io.doraxis.consumer;

import static io.doraxis.consumer.Outcome.EXACT;
import static io.doraxis.consumer.Outcome.PARTIAL;
import static io.doraxis.consumer.Outcome.REJECTS;
import static io.doraxis.consumer.Outcome.SILENTLY_WRONG;
import static io.doraxis.consumer.Outcome.UNKNOWN;
import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.tensorfile.Reason;
import java.util.List;
import org.junit.jupiter.api.Test;

class PeftPredictionTest {
    private static final String PEFT = "peft@0.21";
    private static final String DORA = """
            {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "use_dora": true, "target_modules": ["m", "n"]}""";

    private static AdapterFile dora(long out, long in, long... magnitude) {
        return AdapterFile.of()
                .peftLora("m", out, in)
                .tensor("base_model.model.m.lora_magnitude_vector", magnitude)
                .config(DORA);
    }

    @Test
    void itsOwnLayoutIsExactOnSquareLayersToo() {
        assertThat(dora(16, 20, 16).predict(PEFT))
                .isEqualTo(new Prediction(EXACT, "peft@0.21/own-layout: PEFT's own layout (run)"));
        assertThat(dora(20, 20, 20).predict(PEFT).outcome()).isEqualTo(EXACT);
    }

    @Test
    void aFileWithoutConfigurationIsRejected() {
        AdapterFile file = AdapterFile.of().peftLora("m", 16, 20);
        assertThat(file.predict(PEFT).reason()).startsWith("peft@0.21/config-missing: ");
    }

    @Test
    void magnitudesAreDroppedInSilenceWithoutUseDora() {
        AdapterFile file = dora(16, 20, 16).config(DORA.replace("true", "false"));
        assertThat(file.predict(PEFT).outcome()).isEqualTo(SILENTLY_WRONG);
    }

    @Test
    void aMissingFactorIsWarnedAbout() {
        AdapterFile file = dora(16, 20, 16).tensor("base_model.model.n.lora_A.weight", 4, 20);
        assertThat(file.predict(PEFT).outcome()).isEqualTo(PARTIAL);
    }

    @Test
    void aMissingMagnitudeIsWarnedAbout() {
        assertThat(dora(16, 20, 16).peftLora("n", 16, 20).predict(PEFT).reason())
                .startsWith("peft@0.21/magnitude-missing: ");
    }

    @Test
    void anotherRankIsRejected() {
        AdapterFile file = dora(16, 20, 16).config(DORA.replace("\"r\": 4", "\"r\": 8"));
        assertThat(file.predict(PEFT).reason()).startsWith("peft@0.21/rank-mismatch: ");
    }

    @Test
    void theRankIsFoundBackUnderTheSquareRootToo() {
        AdapterFile file = dora(16, 20, 16).config(DORA.replace("\"use_dora\"", "\"use_rslora\": true, \"use_dora\""));
        assertThat(file.predict(PEFT).outcome()).isEqualTo(EXACT);
    }

    @Test
    void anUnknownTypeIsRejected() {
        assertThat(dora(16, 20, 16)
                        .config(DORA.replace("LORA", "lora"))
                        .predict(PEFT)
                        .reason())
                .startsWith("peft@0.21/type-unknown: ");
        assertThat(dora(16, 20, 16)
                        .config(DORA.replace("LORA", "VERA"))
                        .predict(PEFT)
                        .outcome())
                .isEqualTo(UNKNOWN);
    }

    @Test
    void aModuleThatIsNoTargetIsDroppedInSilence() {
        AdapterFile file =
                dora(16, 20, 16).peftLora("x", 16, 20).tensor("base_model.model.x.lora_magnitude_vector", 16);
        assertThat(file.predict(PEFT).outcome()).isEqualTo(SILENTLY_WRONG);
    }

    @Test
    void aColumnForAMagnitudeIsASizeMismatch() {
        assertThat(dora(16, 20, 16, 1).predict(PEFT).outcome()).isEqualTo(REJECTS);
    }

    @Test
    void lycorisKeysInTheDirectoryMatchNothing() {
        AdapterFile file = AdapterFile.of().lora("lora_unet_m", 16, 20).config(DORA);
        assertThat(file.predict(PEFT).outcome()).isEqualTo(REJECTS);
    }

    @Test
    void diffusersDoesNotReadTheConfiguration() {
        assertThat(dora(16, 20, 16).predict("diffusers@0.42").outcome()).isEqualTo(SILENTLY_WRONG);
        AdapterFile unscaled = dora(16, 20, 16).config(DORA.replace("\"lora_alpha\": 8", "\"lora_alpha\": 4"));
        assertThat(unscaled.predict("diffusers@0.42").outcome()).isEqualTo(EXACT);
    }

    private static AdapterFile lora(String fields) {
        String json = "{'peft_type': 'LORA', 'r': 4, 'target_modules': ['m'], " + fields + "}";
        return AdapterFile.of().peftLora("m", 16, 20).config(json.replace('\'', '"'));
    }

    @Test
    void aConfigurationThatPeftCannotReadIsNotMissing() {
        assertThat(AdapterFile.of()
                        .peftLora("m", 16, 20)
                        .unread(Reason.INVALID_SIDE_FILE)
                        .predict(PEFT))
                .isEqualTo(new Prediction(
                        REJECTS,
                        "peft@0.21/config-unreadable: adapter_config.json is no JSON object in UTF-8: JSONDecodeError or"
                                + " UnicodeDecodeError (run)"));
        assertThat(AdapterFile.of()
                        .peftLora("m", 16, 20)
                        .unread(Reason.STORE_FORBIDDEN)
                        .predict(PEFT)
                        .reason())
                .startsWith("peft@0.21/config-not-read: ");
    }

    @Test
    void aFieldForWhichPeftRaisesIsNamed() {
        assertThat(lora("'lora_alpha': '16'").predict(PEFT))
                .isEqualTo(new Prediction(
                        REJECTS,
                        "peft@0.21/config-invalid: lora_alpha is \"16\": TypeError, ValueError or AttributeError while it is"
                                + " loaded (run)"));
        assertThat(lora("'task_type': 'X'").predict(PEFT).reason()).contains("task_type is \"X\"");
        assertThat(lora("'alpha_pattern': {'m': null}").predict(PEFT).reason()).contains("alpha_pattern of m ");
        assertThat(lora("'alpha_pattern': {'z': null}").predict(PEFT).outcome()).isEqualTo(EXACT);
    }

    @Test
    void anExpressionThatIsNotToldLeavesTheOutcomeOpen() {
        assertThat(lora("'alpha_pattern': {'(?P<x>m)': 2}").predict(PEFT).reason())
                .startsWith("peft@0.21/scale-not-told: ");
        assertThat(lora("'rank_pattern': {'[k[]': 2}").predict(PEFT).outcome()).isEqualTo(UNKNOWN);
        assertThat(lora("'rank_pattern': {'m': 4, '(': 2}").predict(PEFT).outcome())
                .isEqualTo(UNKNOWN);
        assertThat(lora("'exclude_modules': '(?i)M'").predict(PEFT).reason())
                .startsWith("peft@0.21/targets-not-told: ");
    }

    /** PEFT repeats what pissa and olora do to the same base bit by bit, and not what pissa_niter_4 does. */
    @Test
    void factorsAreNotAllWhereTheBaseIsChanged() {
        assertThat(lora("'init_lora_weights': 'pissa'").predict(PEFT).outcome()).isEqualTo(EXACT);
        assertThat(lora("'init_lora_weights': 'olora'").predict(PEFT).outcome()).isEqualTo(EXACT);
        assertThat(lora("'init_lora_weights': 'pissa_niter_4'").predict(PEFT).outcome())
                .isEqualTo(UNKNOWN);
        assertThat(lora("'init_lora_weights': 'lora_ga'").predict(PEFT).outcome())
                .isEqualTo(UNKNOWN);
        assertThat(lora("'init_lora_weights': 'corda'").predict(PEFT).outcome()).isEqualTo(REJECTS);
        for (String fields : List.of(
                "'init_lora_weights': 'pissa'",
                "'init_lora_weights': 'olora'",
                "'init_lora_weights': 'loftq'",
                "'alora_invocation_tokens': [1]")) {
            lora(fields)
                    .predict()
                    .forEach((consumer, prediction) -> assertThat(prediction.outcome())
                            .as(consumer)
                            .satisfiesAnyOf(
                                    outcome -> assertThat(outcome).isIn(UNKNOWN, REJECTS),
                                    outcome -> assertThat(consumer).isEqualTo(PEFT)));
        }
    }
}

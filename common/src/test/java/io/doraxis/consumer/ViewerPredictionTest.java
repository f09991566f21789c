package io.doraxis.consumer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The programs that load LoRA files into image models, by the table of what they do with each layout. */
class ViewerPredictionTest {
    private static final String M = "lora_unet_m";

    private static AdapterFile lora(long out, long in, long... magnitude) {
        return AdapterFile.of().lora(M, out, in).tensor(M + ".dora_scale", magnitude);
    }

    private static Stream<Arguments> layouts() {
        return Stream.of(
                Arguments.of("input", lora(16, 20, 1, 20), "EXACT EXACT EXACT EXACT EXACT EXACT EXACT EXACT"),
                Arguments.of(
                        "output",
                        lora(16, 20, 16, 1),
                        "SILENTLY_WRONG SILENTLY_WRONG SILENTLY_WRONG SILENTLY_WRONG SILENTLY_WRONG SILENTLY_WRONG"
                                + " EXACT SILENTLY_WRONG"),
                Arguments.of(
                        "flat", lora(16, 20, 16), "REJECTS REJECTS REJECTS REJECTS REJECTS REJECTS REJECTS REJECTS"),
                Arguments.of(
                        "flat and square",
                        lora(20, 20, 20),
                        "UNKNOWN SILENTLY_WRONG UNKNOWN UNKNOWN SILENTLY_WRONG UNKNOWN UNKNOWN UNKNOWN"),
                Arguments.of(
                        "input on one output",
                        lora(1, 20, 1, 20),
                        "EXACT SILENTLY_WRONG EXACT EXACT SILENTLY_WRONG EXACT EXACT EXACT"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("layouts")
    void everyLayoutHasItsOutcome(String layout, AdapterFile file, String outcomes) {
        String[] consumers = {
            "comfyui@2025-03",
            "comfyui@2025-10",
            "a1111@1.10",
            "forge@input-only",
            "forge@w0-norm",
            "sdnext@2025-old",
            "sdnext@2025-new",
            "invokeai@6.14"
        };
        String[] expected = outcomes.split(" ");
        for (int i = 0; i < consumers.length; i++) {
            assertThat(file.predict(consumers[i]).outcome()).as(consumers[i]).hasToString(expected[i]);
        }
    }

    @Test
    void aSquareLayerWithAFlatMagnitudeIsJudgedByTheRestOfTheFile() {
        AdapterFile file = lora(20, 20, 20).lora("lora_unet_n", 20, 20).tensor("lora_unet_n.dora_scale", 20, 1);
        assertThat(file.predict("comfyui@2025-03").outcome()).isEqualTo(Outcome.SILENTLY_WRONG);
        assertThat(file.predict("sdnext@2025-new").reason()).startsWith("sdnext@2025-new/dora-flat-square: ");
    }

    @Test
    void aSkippedLayerAmongLoadedOnesIsPartial() {
        AdapterFile file = lora(16, 20, 16).lora("lora_unet_n", 16, 20);
        assertThat(file.predict("comfyui@2025-03").outcome()).isEqualTo(Outcome.PARTIAL);
        assertThat(file.predict("invokeai@6.14").outcome()).isEqualTo(Outcome.REJECTS);
    }

    @Test
    void sdNextDependsOnAlpha() {
        AdapterFile halved = AdapterFile.of()
                .tensor(M + ".lora_down.weight", 4, 20)
                .tensor(M + ".lora_up.weight", 16, 4)
                .alpha(M, 2)
                .tensor(M + ".dora_scale", 1, 20);
        assertThat(halved.predict("sdnext@2025-old").outcome()).isEqualTo(Outcome.SILENTLY_WRONG);
        assertThat(halved.withoutReadingAlpha().predict("sdnext@2025-new").outcome())
                .isEqualTo(Outcome.UNKNOWN);
    }

    @Test
    void peftsMagnitudeIsDroppedByComfyUiWithAWarning() {
        AdapterFile file = AdapterFile.of()
                .tensor("diffusion_model.m.lora_A.weight", 4, 20)
                .tensor("diffusion_model.m.lora_B.weight", 16, 4)
                .tensor("diffusion_model.m.lora_magnitude_vector", 16);
        assertThat(file.predict("comfyui@2025-10").outcome()).isEqualTo(Outcome.PARTIAL);
    }

    @Test
    void invokeAiAsksALohaWithMagnitudeForLoraUp() {
        AdapterFile file = AdapterFile.of()
                .tensor(M + ".hada_w1_a", 16, 4)
                .tensor(M + ".hada_w1_b", 4, 20)
                .tensor(M + ".hada_w2_a", 16, 4)
                .tensor(M + ".hada_w2_b", 4, 20)
                .alpha(M, 4)
                .tensor(M + ".dora_scale", 1, 20);
        assertThat(file.predict("invokeai@6.14").outcome()).isEqualTo(Outcome.REJECTS);
        assertThat(file.predict("comfyui@2025-03").outcome()).isEqualTo(Outcome.EXACT);
    }

    @ParameterizedTest
    @CsvSource({
        "diffusers@0.42, PARTIAL",
        "sd-scripts@2026-02, SILENTLY_WRONG",
        "onetrainer@2026-08, UNKNOWN",
        "ai-toolkit@2026-08, UNKNOWN",
        "vllm@2026, UNKNOWN"
    })
    void theOtherProgramsDropTheMagnitudeOrAreNotKnown(String consumer, Outcome outcome) {
        assertThat(lora(16, 20, 16, 1).predict(consumer).outcome()).isEqualTo(outcome);
    }
}

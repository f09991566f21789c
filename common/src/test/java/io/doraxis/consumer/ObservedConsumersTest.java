package io.doraxis.consumer;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.fixtures.GoldenCase;
import io.doraxis.fixtures.Json;
import io.doraxis.fixtures.Resources;
import io.doraxis.tensorfile.MalformedTensorFileException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The predictions against what the real programs did with the golden adapters, as
 * {@code jobs/src/test/python/predictions/observe.py} recorded it.
 */
class ObservedConsumersTest {
    /** diffusers' conversion of these names and algorithms depends on the pipeline, or on more than the rules know. */
    private static final Set<String> OPEN = Stream.of(
                    "boft as lora_unet_",
                    "comfy_prefixed_lora_up_down",
                    "diag_oft as lora_unet_",
                    "diag_oft_constraint as lora_unet_",
                    "glora_conv as lora_unet_",
                    "lokr_decompose_both as lora_unet_",
                    "lokr_factor4 as lora_unet_",
                    "lokr_factor8_dora_in as lora_unet_",
                    "lokr_full_matrix as lora_unet_",
                    "lokr_tucker as lora_unet_",
                    "lokr_tucker_dora_out as lora_unet_",
                    "lokr_unbalanced as lora_unet_",
                    "peft_dora_embedding",
                    "peft_lokr_both_factor",
                    "peft_lokr_effective_conv",
                    "peft_lokr_full_w1w2_alpha_ne_r",
                    "peft_lokr_linear_conv",
                    "peft_lora_embedding")
            .map(golden -> "diffusers@0.42 " + golden)
            .collect(Collectors.toUnmodifiableSet());

    /** The base has a convolution in groups that do not divide the rank, which PEFT refuses; the file does not show it. */
    private static final String GROUPED = "diffusers@0.42 grouped_conv_dora_out as lora_unet_";

    private static List<Observation> claims() {
        return observations().stream()
                .filter(observation -> !OPEN.contains(observation.toString())
                        && !observation.toString().equals(GROUPED))
                .toList();
    }

    /** What a program did with a case: {@code "locon_plain"}, or {@code "locon_plain as lora_unet_"} under other names. */
    private record Observation(String program, String golden, Outcome outcome, double error, String said) {
        @Override
        public String toString() {
            return program + " " + golden;
        }
    }

    private static List<Observation> observations() {
        Json programs = Resources.json("observed.json");
        List<Observation> observations = new ArrayList<>();
        for (String program : programs.keys()) {
            Json cases = programs.get(program).get("cases");
            for (String golden : cases.keys()) {
                Json seen = cases.get(golden);
                observations.add(new Observation(
                        program,
                        golden,
                        Outcome.valueOf(seen.get("outcome").text()),
                        seen.has("error") ? seen.get("error").number() : Double.NaN,
                        seen.has("said") ? seen.get("said").text() : "nothing"));
            }
        }
        return observations;
    }

    private static Prediction predict(Observation observation) throws IOException, MalformedTensorFileException {
        GoldenCase golden = GoldenCase.of(observation.golden());
        return AdapterFile.predict(golden.index(), golden.data(), golden.config())
                .get(observation.program());
    }

    @ParameterizedTest
    @MethodSource("claims")
    void theProgramDidWhatIsPredicted(Observation observation) throws IOException, MalformedTensorFileException {
        Prediction prediction = predict(observation);
        assertThat(prediction.outcome())
                .as("%s; it said %s", prediction.reason(), observation.said())
                .isEqualTo(observation.outcome());
    }

    @Test
    void nothingIsPredictedOnlyWhereTheFileDoesNotTell() throws IOException, MalformedTensorFileException {
        List<String> open = new ArrayList<>();
        for (Observation observation : observations()) {
            if (predict(observation).outcome() == Outcome.UNKNOWN) {
                open.add(observation.toString());
            }
        }
        assertThat(open).containsExactlyInAnyOrderElementsOf(OPEN);
    }

    @Test
    void reasonsStateTheErrorsOfTheGoldenAdapters() throws IOException, MalformedTensorFileException {
        StatedErrors stated = new StatedErrors();
        for (Observation observation : claims()) {
            if (observation.outcome() == Outcome.SILENTLY_WRONG || observation.outcome() == Outcome.PARTIAL) {
                stated.add(predict(observation), observation.error());
            }
        }
        stated.check();
    }
}

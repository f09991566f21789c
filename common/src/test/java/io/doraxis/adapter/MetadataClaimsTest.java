package io.doraxis.adapter;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MetadataClaimsTest {
    @Test
    void claimsAreNamedByWhereTheyStand() {
        MetadataClaims claims = of(
                "ss_network_args", "{\"algo\":\"lokr\",\"wd_on_output\":true,\"factor\":8,\"other\":1}",
                "ot_config", "{\"lora_decompose\":true,\"nested\":{\"lora_decompose_output_axis\":true}}",
                "software", "{\"name\":\"ai-toolkit\",\"version\":\"0.5\"}",
                "ss_network_dim", "16",
                "ss_tag_frequency", "{}");
        assertThat(claims.values())
                .containsOnly(
                        Map.entry("ss_network_dim", "16"),
                        Map.entry("ss_network_args.algo", "lokr"),
                        Map.entry("ss_network_args.wd_on_output", "true"),
                        Map.entry("ss_network_args.factor", "8"),
                        Map.entry("ot_config.lora_decompose", "true"),
                        Map.entry("software.name", "ai-toolkit"),
                        Map.entry("software.version", "0.5"));
    }

    @Test
    void aPeftConfigurationClaimsTooAndAlwaysSaysWhetherItIsDora() throws Exception {
        PeftConfig config =
                PeftConfig.parse("{\"peft_type\":\"LORA\",\"base_model_name_or_path\":\"gpt2\"}".getBytes());
        assertThat(MetadataClaims.of(Map.of(), config).values())
                .containsOnly(
                        Map.entry("adapter_config.peft_type", "LORA"),
                        Map.entry("adapter_config.use_dora", "false"),
                        Map.entry("adapter_config.base_model_name_or_path", "gpt2"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"{", "{\"algo\":", "{\"algo\":NaN}", "{'algo':1}", "{\"a\":[1,}"})
    void aTextThatIsNotJsonIsSaidToBeUnreadable(String text) {
        assertThat(of("ss_network_args", text).values())
                .containsOnly(Map.entry("ss_network_args.unreadable", "not JSON"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "[]", "null", "1", "\"x\"", "{}"})
    void aTextThatIsNoObjectClaimsNothing(String text) {
        assertThat(of("ss_network_args", text).values()).isEmpty();
    }

    @Test
    void trainingEndsOrElseBegins() {
        assertThat(of("ss_training_started_at", "1700000000.5").trainedAt())
                .contains(Instant.ofEpochSecond(1_700_000_000));
        assertThat(of("ss_training_started_at", "1700000000", "ss_training_finished_at", "1700000100")
                        .trainedAt())
                .contains(Instant.ofEpochSecond(1_700_000_100));
        assertThat(of("ss_training_started_at", "None").trainedAt()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"1e300", "-1e300", "Infinity", "NaN"})
    void aNumberThatIsNoDateIsNone(String seconds) {
        assertThat(of("ss_training_finished_at", seconds).trainedAt()).isEmpty();
    }

    @Test
    void numbersAreReadOrNot() {
        assertThat(of("ss_network_dim", " 16 ").number("ss_network_dim")).hasValue(16);
        assertThat(of("ss_network_dim", "None").number("ss_network_dim")).isEmpty();
        assertThat(of("ss_network_dim", "").number("ss_network_dim")).isEmpty();
        assertThat(of().number("ss_network_dim")).isEmpty();
    }

    private static MetadataClaims of(String... pairs) {
        Map<String, String> metadata = new java.util.LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2) {
            metadata.put(pairs[i], pairs[i + 1]);
        }
        return MetadataClaims.of(metadata, null);
    }
}

package io.doraxis.consumer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class RulesReaderTest {
    private static final String RULE = """
            {"id": "a", "when": ["LORA", "!DORA"], "outcome": "EXACT", "reason": "b"}""";

    private static ConsumerRules read(String rules) throws IOException {
        String json = "{\"version\": \"1\", \"groups\": {\"g\": [" + RULE + "]},"
                + " \"consumers\": {\"c\": {\"source\": \"s\", \"rules\": [" + rules + "]}}}";
        return RulesReader.read(new ByteArrayInputStream(json.getBytes(StandardCharsets.UTF_8)));
    }

    @Test
    void theBundledRulesKnowEveryConsumer() {
        assertThat(ConsumerRules.bundled().version()).isEqualTo("2026-11-28.2");
        assertThat(AdapterFile.of().lora("lora_unet_m", 2, 3).predict())
                .containsOnlyKeys(
                        "lycoris@3.1",
                        "lycoris@4.1",
                        "peft@0.21",
                        "diffusers@0.42",
                        "comfyui@2025-03",
                        "comfyui@2025-10",
                        "a1111@1.10",
                        "forge@input-only",
                        "forge@w0-norm",
                        "sdnext@2025-old",
                        "sdnext@2025-new",
                        "invokeai@6.14",
                        "onetrainer@2026-08",
                        "sd-scripts@2026-02",
                        "ai-toolkit@2026-08",
                        "vllm@2026");
    }

    @Test
    void factsFitIntoTheBitsOfALong() {
        assertThat(Fact.values()).hasSizeLessThanOrEqualTo(Long.SIZE);
    }

    @Test
    void aGroupStandsForItsRules() throws IOException {
        assertThat(read("\"g\"").version()).isEqualTo("1");
    }

    @Test
    void anUnknownFactFails() {
        assertThatThrownBy(() -> read(RULE.replace("!DORA", "!DOORA")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("DOORA");
    }

    @Test
    void anUnknownOutcomeFails() {
        assertThatThrownBy(() -> read(RULE.replace("EXACT", "FINE")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("FINE");
    }

    @Test
    void anIdThatOccursTwiceFails() {
        assertThatThrownBy(() -> read(RULE + ", \"g\""))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("consumer rules: c: rule twice: a");
    }

    @Test
    void aFactAndItsContraryFail() {
        assertThatThrownBy(() -> read(RULE.replace("!DORA", "!LORA")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("consumer rules: a fact and its contrary in rule a");
    }

    @Test
    void anUnknownGroupFails() {
        assertThatThrownBy(() -> read("\"h\""))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("consumer rules: no group h");
    }

    @Test
    void aRuleWithoutReasonFails() {
        assertThatThrownBy(() -> read(RULE.replace("\"reason\"", "\"id\"")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("consumer rules: a rule without");
    }
}

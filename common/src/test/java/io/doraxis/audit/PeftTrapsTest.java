package io.doraxis.audit;

import static io.doraxis.audit.AuditFiles.fetched;
import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.catalog.Checkpoint;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.tensorfile.Finding;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What PEFT 0.21.2 would drop or ignore of a directory, said as findings. */
class PeftTrapsTest {
    private static final String PREFIX = "base_model.model.";

    private static List<String> findings(String config, Tensor... tensors) {
        FetchedFile weights = fetched("adapter_model.safetensors", AuditFiles.file(tensors));
        FetchedFile side = fetched("adapter_config.json", config);
        Checkpoint checkpoint = new Checkpoint(
                Checkpoint.Form.PEFT_DIRECTORY, AuditFiles.FOLDER, List.of(weights.object()), side.object());
        return new CheckpointAuditor(ConsumerRules.bundled())
                .audit(checkpoint, List.of(weights), side, CheckpointAuditor.ValueSource.IN_HAND).findings().stream()
                        .map(Finding::toString)
                        .toList();
    }

    /** LoRA of rank 1 on layers of 3 inputs and 2 outputs. */
    private static Tensor[] lora(String prefix, boolean dora, String... modules) {
        List<Tensor> tensors = new ArrayList<>();
        for (String module : modules) {
            tensors.add(Tensor.ofFloats(prefix + module + ".lora_A.weight", Shape.of(1, 3), 1, 2, 3));
            tensors.add(Tensor.ofFloats(prefix + module + ".lora_B.weight", Shape.of(2, 1), 1, 2));
            if (dora) {
                tensors.add(Tensor.ofFloats(prefix + module + ".lora_magnitude_vector", Shape.of(2), 1, 2));
            }
        }
        return tensors.toArray(Tensor[]::new);
    }

    @Test
    void aRightDirectoryHasNone() {
        assertThat(findings(
                        "{\"peft_type\":\"LORA\",\"r\":1,\"lora_alpha\":1,\"use_dora\":true,\"target_modules\":[\"a\",\"b\"]}",
                        lora(PREFIX, true, "a", "b")))
                .isEmpty();
    }

    @Test
    void fieldsThatPeftDoesNotKnow() {
        assertThat(findings(
                        "{\"peft_type\":\"LORA\",\"r\":1,\"target_modules\":[\"a\"],\"dora_axis\":\"input\",\"alpha\":2}",
                        lora(PREFIX, false, "a")))
                .containsExactly(
                        "PEFT_UNKNOWN_FIELD: 2 fields that PEFT 0.21 does not know, and ignores: dora_axis, alpha");
    }

    @Test
    void alphaIsAFieldOfLohaAndNotOfLora() {
        assertThat(findings(
                        "{\"peft_type\":\"LOHA\",\"r\":1,\"alpha\":2,\"target_modules\":[\"a\"]}",
                        Tensor.ofFloats(PREFIX + "a.hada_w1_a", Shape.of(2, 1), 1, 2),
                        Tensor.ofFloats(PREFIX + "a.hada_w1_b", Shape.of(1, 3), 1, 2, 3),
                        Tensor.ofFloats(PREFIX + "a.hada_w2_a", Shape.of(2, 1), 1, 2),
                        Tensor.ofFloats(PREFIX + "a.hada_w2_b", Shape.of(1, 3), 1, 2, 3)))
                .isEmpty();
    }

    @Test
    void magnitudesThatAreDropped() {
        assertThat(findings("{\"peft_type\":\"LORA\",\"r\":1,\"target_modules\":[\"a\"]}", lora(PREFIX, true, "a")))
                .contains("PEFT_DORA_IGNORED: use_dora is not true, so PEFT drops 1 magnitudes without a word: "
                        + PREFIX + "a");
    }

    @Test
    void magnitudesThatAreMissing() {
        assertThat(findings(
                        "{\"peft_type\":\"LORA\",\"r\":1,\"use_dora\":true,\"target_modules\":[\"a\"]}",
                        lora(PREFIX, false, "a")))
                .containsExactly(
                        "PEFT_DORA_MISSING: use_dora is true, and 1 modules have no magnitude: " + PREFIX + "a");
    }

    @Test
    void modulesThatTheTargetsLeaveOut() {
        assertThat(findings(
                        "{\"peft_type\":\"LORA\",\"r\":1,\"target_modules\":[\"a\"]}",
                        lora(PREFIX, false, "a", "x.a", "xa")))
                .containsExactly(
                        "PEFT_UNTARGETED: PEFT would not adapt 1 modules by the configuration, and drops them without a word: "
                                + PREFIX + "xa");
    }

    @Test
    void modulesThatAreExcluded() {
        assertThat(findings(
                        "{\"peft_type\":\"LORA\",\"r\":1,\"target_modules\":[\"a\"],\"exclude_modules\":[\"x.a\"]}",
                        lora(PREFIX, false, "a", "x.a")))
                .containsExactly("PEFT_UNTARGETED: PEFT would not adapt 1 modules by the configuration, and drops them"
                        + " without a word: " + PREFIX + "x.a");
    }

    @Test
    void modulesWithoutThePrefix() {
        assertThat(findings("{\"peft_type\":\"LORA\",\"r\":1,\"target_modules\":[\"a\"]}", lora("", false, "a")))
                .containsExactly("PEFT_PREFIX_MISSING: 1 modules without base_model.model. before them, which PEFT does"
                        + " not find: a");
    }

    @Test
    void anotherRank() {
        assertThat(findings("{\"peft_type\":\"LORA\",\"r\":4,\"target_modules\":[\"a\"]}", lora(PREFIX, false, "a")))
                .containsExactly("PEFT_RANK: the tensors of 1 modules have another rank than the configuration: "
                        + PREFIX + "a");
    }

    @Test
    void aPatternThatMatchesNothing() {
        assertThat(findings(
                        "{\"peft_type\":\"LORA\",\"r\":1,\"target_modules\":[\"a\"],\"alpha_pattern\":{\"^a\":2,\"c\":3}}",
                        lora(PREFIX, false, "a")))
                .containsExactly("PEFT_PATTERN: 1 keys of alpha_pattern match no module: c");
    }

    @Test
    void patternsThatContradictEachOther() {
        assertThat(findings(
                        "{\"peft_type\":\"LORA\",\"r\":1,\"target_modules\":[\"a\"],\"alpha_pattern\":{\"a\":2,\".*a\":3}}",
                        lora(PREFIX, false, "x.a")))
                .containsExactly(
                        "PEFT_PATTERN: keys of alpha_pattern give 1 modules different values, of which the first"
                                + " counts: " + PREFIX + "x.a");
    }

    @Test
    void whatKeysMatchIsNotKnownOfOtherExpressionsThanJavas() {
        assertThat(findings(
                        "{\"peft_type\":\"LORA\",\"r\":1,\"target_modules\":[\"a\"],\"alpha_pattern\":{\"(?P<x>a)\":2}}",
                        lora(PREFIX, false, "a")))
                .containsExactly("PEFT_PATTERN: of 1 keys of alpha_pattern it is not known what they match: (?P<x>a)");
        assertThat(findings("{\"peft_type\":\"LORA\",\"r\":1,\"target_modules\":\"(?i)A\"}", lora(PREFIX, false, "a")))
                .containsExactly("PEFT_UNTARGETED: by the configuration's expressions it is not known whether PEFT"
                        + " adapts 1 modules: " + PREFIX + "a");
    }

    @Test
    void fieldsForWhichPeftRaises() {
        assertThat(findings(
                        "{\"peft_type\":\"LORA\",\"r\":1,\"target_modules\":[\"a\"],\"lora_alpha\":[8]}",
                        lora(PREFIX, false, "a")))
                .containsExactly("PEFT_CONFIG: PEFT raises for 1 fields: lora_alpha is a list or an object");
    }

    @Test
    void aBaseThatPeftChangesToo() {
        assertThat(findings(
                        "{\"peft_type\":\"LORA\",\"r\":1,\"target_modules\":[\"a\"],\"init_lora_weights\":\"pissa\"}",
                        lora(PREFIX, false, "a")))
                .containsExactly("PEFT_BASE_CHANGED: init_lora_weights is pissa: PEFT changes the base weights too, so"
                        + " the factors alone are not the change");
    }
}

package io.doraxis.adapter;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The expectations are those of Python: {@code re.match(rf"(.*\.)?({key})$", path)}. */
@Timeout(5)
class PeftPatternTest {
    private static final String PATH = "model.layers.10.self_attn.q_proj";

    @Test
    void aKeyMatchesTheEndOfThePathFromADot() {
        assertThat(first("q_proj", PATH)).hasValue(1);
        assertThat(first("self_attn.q_proj", PATH)).hasValue(1);
        assertThat(first(PATH, PATH)).hasValue(1);
        assertThat(first("proj", PATH)).isEmpty();
        assertThat(first("k_proj", PATH)).isEmpty();
        assertThat(first("self_attn", PATH)).isEmpty();
    }

    @Test
    void aKeyIsARegularExpression() {
        assertThat(first("layers\\.1\\d\\..*q_proj", PATH)).hasValue(1);
        assertThat(first("[qk]_proj", PATH)).hasValue(1);
        assertThat(first("q_proj|k_proj", "a.k_proj")).hasValue(1);
        assertThat(first("self.attn.q_proj", PATH)).hasValue(1);
        assertThat(first("^model.*q_proj", PATH)).hasValue(1);
        assertThat(first("^layers.*q_proj", PATH)).isEmpty();
    }

    @Test
    void theFirstKeyInTheFilesOrderCounts() {
        Map<String, Double> patterns = new LinkedHashMap<>();
        patterns.put("v_proj", 1.0);
        patterns.put(".*", 2.0);
        patterns.put("q_proj", 3.0);
        assertThat(PeftPattern.first(patterns, PATH)).hasValue(2);
    }

    @Test
    void aBrokenExpressionMatchesNothing() {
        assertThat(first("q_proj(", PATH)).isEmpty();
        assertThat(PeftPattern.fullMatch("[", PATH)).isEmpty();
    }

    @Test
    void aBrokenExpressionStillNamesItsOwnPath() {
        assertThat(first("a(", "x.a(")).hasValue(1);
    }

    @Test
    void anExpressionThatBacktracksWithoutEndIsGivenUp() {
        assertThat(first("(a+)+b", "a".repeat(200))).isEmpty();
        assertThat(PeftPattern.fullMatch("(a|aa)+b", "a".repeat(200))).isNotEqualTo(Optional.of(true));
        assertThat(PeftPattern.fullMatch("(.|x)*z", "x".repeat(200_000))).isNotEqualTo(Optional.of(true));
        assertThat(PeftPattern.fullMatch("(x*)*y", "x".repeat(200))).isNotEqualTo(Optional.of(true));
        assertThat(PeftPattern.fullMatch("(?:(?:(?:a*)*)*)*b", "a".repeat(60))).isNotEqualTo(Optional.of(true));
    }

    @Test
    void anExpressionOfUnusualLengthIsGivenUp() {
        assertThat(PeftPattern.fullMatch("a".repeat(10_001), "a".repeat(10_001)))
                .isEmpty();
        assertThat(PeftPattern.fullMatch("(".repeat(9_999), "a")).isEmpty();
    }

    @Test
    void aFullMatchMatchesTheWholePath() {
        assertThat(PeftPattern.fullMatch(".*q_proj", PATH)).hasValue(true);
        assertThat(PeftPattern.fullMatch("q_proj", PATH)).hasValue(false);
        assertThat(PeftPattern.fullMatch(".*q", PATH)).hasValue(false);
    }

    private static OptionalDouble first(String key, String path) {
        return PeftPattern.first(Map.of(key, 1.0), path);
    }
}

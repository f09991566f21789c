package io.doraxis.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
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
    void aKeyThatIsAnAnchoredPathMatchesItAlone() {
        assertThat(first("^model\\.layers\\.10\\.self_attn\\.q_proj", PATH)).hasValue(1);
        assertThat(first("^self_attn\\.q_proj", PATH)).isEmpty();
        assertThat(first("^a\\-b", "a-b")).hasValue(1);
        assertThat(first("^a\\db", "a1b")).hasValue(1);
        assertThat(first("^a.b", "a1b")).hasValue(1);
    }

    @Test
    void anExpressionMayListManyPaths() {
        String paths = IntStream.range(0, 2_000)
                .mapToObj(i -> "blocks\\." + i + "\\.to_q")
                .collect(Collectors.joining("|"));
        assertThat(fullMatch("^(" + paths + ")$", "blocks.1999.to_q")).hasValue(true);
        assertThat(fullMatch("^(" + paths + ")$", "blocks.2000.to_q")).hasValue(false);
        assertThat(fullMatch("^(a|b.)$", "bc")).hasValue(true);
        assertThat(fullMatch("^(a)|(b)$", "b")).hasValue(true);
        assertThat(fullMatch("^(a|)$", "")).hasValue(true);
        assertThat(fullMatch("^()$", "")).hasValue(true);
        assertThat(fullMatch("^()$", "a")).hasValue(false);
    }

    @Test
    void manyAnchoredPathsCostNoMoreThanTheirLength() {
        Map<String, Double> patterns = new LinkedHashMap<>();
        for (int i = 0; i < 2_000; i++) {
            patterns.put("^blocks\\." + i + "\\.to_q", (double) i);
        }
        PeftPattern.Budget budget = new PeftPattern.Budget();
        for (int i = 0; i < 2_000; i++) {
            assertThat(PeftPattern.first(patterns, "blocks." + i + ".to_q", budget))
                    .hasValue(i);
        }
        assertThat(budget.isSpent()).isFalse();
    }

    @Test
    void theFirstKeyInTheFilesOrderCounts() {
        Map<String, Double> patterns = new LinkedHashMap<>();
        patterns.put("v_proj", 1.0);
        patterns.put(".*", 2.0);
        patterns.put("q_proj", 3.0);
        assertThat(PeftPattern.first(patterns, PATH, new PeftPattern.Budget())).hasValue(2);
    }

    @Test
    void aBrokenExpressionMatchesNothing() {
        assertThat(first("q_proj(", PATH)).isEmpty();
        assertThat(fullMatch("[", PATH)).isEmpty();
    }

    @Test
    void aBrokenExpressionStillNamesItsOwnPath() {
        assertThat(first("a(", "x.a(")).hasValue(1);
    }

    @Test
    void anExpressionThatBacktracksWithoutEndIsGivenUp() {
        assertThat(first("(a+)+b", "a".repeat(200))).isEmpty();
        assertThat(fullMatch("(a|aa)+b", "a".repeat(200))).isNotEqualTo(Optional.of(true));
        assertThat(fullMatch("(.|x)*z", "x".repeat(200_000))).isNotEqualTo(Optional.of(true));
        assertThat(fullMatch("(x*)*y", "x".repeat(200))).isNotEqualTo(Optional.of(true));
        assertThat(fullMatch("(?:(?:(?:a*)*)*)*b", "a".repeat(60))).isNotEqualTo(Optional.of(true));
    }

    @Test
    void anExpressionOfUnusualLengthIsGivenUp() {
        assertThat(fullMatch("a".repeat(10_001), "a".repeat(10_001))).isEmpty();
        assertThat(fullMatch("(".repeat(9_999), "a")).isEmpty();
    }

    @Test
    void aFullMatchMatchesTheWholePath() {
        assertThat(fullMatch(".*q_proj", PATH)).hasValue(true);
        assertThat(fullMatch("q_proj", PATH)).hasValue(false);
        assertThat(fullMatch(".*q", PATH)).hasValue(false);
    }

    private static OptionalDouble first(String key, String path) {
        return PeftPattern.first(Map.of(key, 1.0), path, new PeftPattern.Budget());
    }

    private static Optional<Boolean> fullMatch(String pattern, String path) {
        return PeftPattern.fullMatch(pattern, path, new PeftPattern.Budget());
    }

    @Test
    void allExpressionsOfAConfigurationShareABudget() {
        Map<String, Double> patterns = new LinkedHashMap<>();
        for (int i = 0; i < 4_000; i++) {
            patterns.put(".*.*.*.*.*x" + i, 1.0);
        }
        PeftPattern.Budget budget = new PeftPattern.Budget();
        assertThat(budget.isSpent()).isFalse();
        assertTimeoutPreemptively(Duration.ofSeconds(20), () -> {
            for (int module = 0; module < 300; module++) {
                PeftPattern.first(patterns, "layers." + module + "." + "q".repeat(40) + "_proj", budget);
            }
        });
        assertThat(budget.isSpent()).isTrue();
    }
}

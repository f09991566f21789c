package io.doraxis.adapter;

import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The expectations are those of Python: {@code re.match(rf"(.*\.)?({key})$", path)}. */
@Timeout(20)
class PeftExpressionsTest {
    private static final String PATH = "model.layers.10.self_attn.q_proj";

    @Test
    void aKeyMatchesTheEndOfThePathFromADot() {
        assertThat(first("q_proj", PATH)).hasValue(true);
        assertThat(first("self_attn.q_proj", PATH)).hasValue(true);
        assertThat(first(PATH, PATH)).hasValue(true);
        assertThat(first("proj", PATH)).hasValue(false);
        assertThat(first("k_proj", PATH)).hasValue(false);
        assertThat(first("self_attn", PATH)).hasValue(false);
    }

    @Test
    void aKeyIsARegularExpression() {
        assertThat(first("layers\\.1\\d\\..*q_proj", PATH)).hasValue(true);
        assertThat(first("[qk]_proj", PATH)).hasValue(true);
        assertThat(first("q_proj|k_proj", "a.k_proj")).hasValue(true);
        assertThat(first("self.attn.q_proj", PATH)).hasValue(true);
        assertThat(first("^model.*q_proj", PATH)).hasValue(true);
        assertThat(first("^layers.*q_proj", PATH)).hasValue(false);
    }

    @Test
    void theFirstKeyInTheFilesOrderCounts() {
        Map<String, Double> patterns = new LinkedHashMap<>();
        patterns.put("v_proj", 1.0);
        patterns.put(".*", 2.0);
        patterns.put("q_proj", 3.0);
        assertThat(new PeftExpressions().first(patterns, PATH).value()).isEqualTo(2);
    }

    @Test
    void aBrokenExpressionCannotBeTold() {
        assertThat(first("q_proj(", PATH)).isEmpty();
        assertThat(fullMatch("[", PATH)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "(?:(?:(?:a*)*)*)*b",
                "(.|x)*z",
                ".*(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)x",
                ".*(a*|b*|c*)(a*|b*|c*)(a*|b*|c*)(a*|b*|c*)(a*|b*|c*)(a*|b*|c*)(a*|b*|c*)(a*|b*|c*)(a*|b*|c*)x",
                ".*$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?$?x",
                ".*(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(?!)",
                ".*(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(?!d{0})",
                ".*(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(?<=.)",
                ".*(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)(|||)\\A",
                "^{2000000000}",
                "^{2147483647}^{2147483647}^{2147483647}^{2147483647}.*",
                "^*$+\\b?.*",
                "((^{999}){999}){999}",
                "(?x)((^{999} ) {999} ) {999}"
            })
    void anExpressionThatWouldTakeWithoutEndCannotBeTold(String expression) {
        assertThat(fullMatch(expression, "a".repeat(5_000))).isEmpty();
        assertThat(first(expression, "a".repeat(5_000))).isEmpty();
        assertThat(fullMatch(expression, "")).isNotEqualTo(Optional.of(true));
    }

    @Test
    void anExpressionOfUnusualLengthIsNotTried() {
        assertThat(fullMatch("[a]".repeat(4_000), "a".repeat(4_000))).isEmpty();
        assertThat(fullMatch("(".repeat(9_999), "a")).isEmpty();
    }

    @Test
    void manyModulesTimesManyNamesAreGivenUp() {
        Map<String, Double> patterns = new LinkedHashMap<>();
        for (int i = 0; i < 100_000; i++) {
            patterns.put("x" + i, 1.0);
        }
        List<String> names = List.copyOf(patterns.keySet());
        PeftExpressions expressions = new PeftExpressions();
        for (int module = 0; module < 100_000; module++) {
            expressions.first(patterns, PATH);
            expressions.areNamed(names, PATH);
        }
        assertThat(expressions.isGivenUp()).isTrue();
    }

    @Test
    void longNamesThatFitNoPathCostLittle() {
        Map<String, Double> patterns = new LinkedHashMap<>();
        for (int i = 0; i < 80; i++) {
            patterns.put("a".repeat(49_000) + i, 1.0);
        }
        PeftExpressions expressions = new PeftExpressions();
        for (int module = 0; module < 4_000; module++) {
            assertThat(expressions.first(patterns, PATH + module)).isEqualTo(PeftExpressions.Found.NONE);
        }
    }

    @Test
    void pathsBeyondAsciiAreComparedWithNamesOnly() {
        assertThat(first("k\u00e9y", "a.k\u00e9y")).hasValue(true);
        assertThat(first("\\w+", "a.k\u00e9y")).isEmpty();
    }

    /** What Python raises for, and Java does not, or reads in another way. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "a)|(b", "[a&&b]", "[[a]b]", "[]a]", "[^]a]", "a{1}{2}", "$*", "\\b+a", "(?<n>a)", "(?>a)", "(?#x)a",
                "\\p{L}", "\\1", "a\nb", "[\\b]", "[a"
            })
    void whatPythonReadsInAnotherWayCannotBeTold(String expression) {
        assertThat(first(expression, "ab")).isEmpty();
        assertThat(fullMatch(expression, "ab")).isEmpty();
    }

    @Test
    void aListOfNamesMayBeLong() {
        List<String> paths = new ArrayList<>();
        for (int i = 0; i < 2_000; i++) {
            paths.add("down_blocks.1.attentions.0.transformer_blocks." + i + ".attn1.to_q");
        }
        Map<String, Double> patterns = new LinkedHashMap<>();
        paths.forEach(path -> patterns.put("^" + path.replace(".", "\\."), (double) patterns.size()));
        String list = paths.stream().map(path -> path.replace(".", "\\.")).collect(joining("|", "^(", ")$"));
        PeftExpressions expressions = new PeftExpressions();
        for (int i = 0; i < paths.size(); i++) {
            assertThat(expressions.first(patterns, paths.get(i)).value()).isEqualTo(i);
            assertThat(expressions.matches(list, paths.get(i))).hasValue(true);
        }
        assertThat(expressions.matches(list, "x." + paths.get(0))).hasValue(false);
        assertThat(expressions.isGivenUp()).isFalse();
    }

    /** What Python answers for {@code re.fullmatch}, and for {@code re.match(rf"(.*\.)?({e})$", path)}, path by path. */
    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '"',
            value = {
                "\"q_proj\", 0100000, 1100000",
                "\".*q_proj\", 1110000, 1110000",
                "\"[^v]*q_proj\", 1110000, 1110000",
                "\"^layers\\.3\\.mlp\\.fc1$\", 0001000, 0001000",
                "\"^(q_proj|layers\\.3\\.mlp\\.fc1)$\", 0101000, 0101000",
                "\"(.*\\.)?q_proj|xq\", 1100000, 1100000",
                "\"model(?!.*visual).*\", 1000000, 1000000",
                "\"model(?=\\.).*\\.(qkv|q_proj)\", 1000100, 1000100",
                "\"(?:.*?(?:language|layers).*?(?:self_attn|mlp).*?(?:q_proj|fc1).*?)|(?:\\bunet\\.\\w+)\", 1001000, 1001000",
                "\".*\\.[\\d]{1,2}\\..*\", 1001110, 1001110",
                "\"\\w+\", 0110000, 1111110",
                "\"[a-z_]+\\.layers\\.\\d+\\..+\", 1000000, 1000000",
                "\"layers.3.mlp.fc1\", 0001000, 0001000",
                "\"mlp\\.fc1\", 0000000, 0001000",
                "\"q_proj|k_proj\", 0100000, 1100000",
                "\"^q_proj\", 0100000, 0100000",
                "\"fc\\d$\", 0000000, 0001000",
                "\"\\S+to_q\", 0000010, 0000010",
                "\"attn\\d?\\.(qkv|to_q)\", 0000000, 0000110",
                "\"x*\", 0000001, 0000001"
            })
    void expressionsMatchAsInPython(String expression, String whole, String end) {
        List<String> paths = List.of(
                PATH,
                "q_proj",
                "xq_proj",
                "layers.3.mlp.fc1",
                "model.visual.blocks.0.attn.qkv",
                "unet.down_blocks.0.attn1.to_q",
                "");
        StringBuilder wholes = new StringBuilder();
        StringBuilder ends = new StringBuilder();
        for (String path : paths) {
            wholes.append(fullMatch(expression, path).orElseThrow() ? 1 : 0);
            ends.append(first(expression, path).orElseThrow() ? 1 : 0);
        }
        assertThat(wholes).hasToString(whole);
        assertThat(ends).hasToString(end);
    }

    @Test
    void aFullMatchMatchesTheWholePath() {
        assertThat(fullMatch(".*q_proj", PATH)).hasValue(true);
        assertThat(fullMatch("q_proj", PATH)).hasValue(false);
        assertThat(fullMatch(".*q", PATH)).hasValue(false);
    }

    private static Optional<Boolean> first(String key, String path) {
        return new PeftExpressions().matchesEnd(key, path);
    }

    private static Optional<Boolean> fullMatch(String pattern, String path) {
        return new PeftExpressions().matches(pattern, path);
    }

    @Test
    void allExpressionsOfAConfigurationShareABudget() {
        Map<String, Double> patterns = new LinkedHashMap<>();
        for (int i = 0; i < 4_000; i++) {
            patterns.put(".*.*.*.*.*x" + i, 1.0);
        }
        PeftExpressions expressions = new PeftExpressions();
        assertThat(expressions.isGivenUp()).isFalse();
        assertTimeoutPreemptively(Duration.ofSeconds(20), () -> {
            for (int module = 0; module < 300; module++) {
                expressions.first(patterns, "layers." + module + "." + "q".repeat(40) + "_proj");
            }
        });
        assertThat(expressions.isGivenUp()).isTrue();
    }
}

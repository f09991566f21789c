package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.consumer.ConsumerRules;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class UsageTest {
    private static final Set<String> PICOCLIS_OWN = Set.of("help", "generate-completion");

    private static Called audit(String... more) {
        String[] args = new String[5 + more.length];
        System.arraycopy(new String[] {"audit", "--input", "in", "--output", "out"}, 0, args, 0, 5);
        System.arraycopy(more, 0, args, 5, more.length);
        return Called.doraxis(args);
    }

    static Stream<String> commands() {
        return Doraxis.commandLine().getSubcommands().keySet().stream().filter(name -> !PICOCLIS_OWN.contains(name));
    }

    @ParameterizedTest
    @MethodSource("commands")
    void everyCommandHasHelp(String command) {
        Called called = Called.doraxis(command, "--help");
        assertThat(called.status()).isZero();
        assertThat(called.out())
                .startsWith("Usage: doraxis " + command)
                .contains("--verbose", "Exit status:", "Examples:");
    }

    @ParameterizedTest
    @MethodSource("commands")
    void theOptionsOfAnExampleAreThoseOfItsCommand(String command) {
        String help = Called.doraxis(command, "--help").out();
        String[] examples = help.substring(help.indexOf("Examples:")).split("\\R");
        for (String example : List.of(examples).subList(1, examples.length)) {
            String[] words = example.strip().split(" ");
            assertThat(words[0]).isEqualTo("doraxis");
            String[] options =
                    Stream.of(words).filter(word -> word.startsWith("--")).toArray(String[]::new);
            assertThat(Called.doraxis(words[1], "--help").out()).contains(options);
        }
    }

    @Test
    void theVersionNamesTheRulesAndWhatItRunsOn() {
        String[] lines = Called.doraxis("--version").out().split("\\R");
        assertThat(lines[0]).startsWith("doraxis ");
        assertThat(lines[1]).isEqualTo("rules " + ConsumerRules.bundled().version());
        assertThat(lines[2]).matches("Spark 4\\.\\d+\\.\\d+, Hadoop 3\\.\\d+\\.\\d+, Java .+");
    }

    @Test
    void bashCompletesCommandsAndOptions(@TempDir Path folder) throws Exception {
        Path script = folder.resolve("completion");
        Files.writeString(script, Called.doraxis("generate-completion").out());
        assertThat(completed(script, "doraxis", "exp")).containsExactlyInAnyOrder("explain", "export");
        assertThat(completed(script, "doraxis", "audit", "--io")).containsExactly("--io-concurrency");
    }

    /** What bash offers for the last word. */
    private static List<String> completed(Path script, String... words) throws Exception {
        String typed = String.join(" ", words);
        Process bash = new ProcessBuilder(
                        "bash",
                        "-c",
                        "source '%s'; COMP_WORDS=(%s); COMP_CWORD=%d; COMP_LINE='%s'; COMP_POINT=%d; _complete_doraxis; printf '%%s\\n' \"${COMPREPLY[@]}\""
                                .formatted(script, typed, words.length - 1, typed, typed.length()))
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        return bash.inputReader().lines().map(String::strip).toList();
    }

    @Test
    void aMissingOptionIsWrongUsage() {
        Called called = Called.doraxis("audit", "--output", "out");
        assertThat(called.status()).isEqualTo(64);
        assertThat(called.err())
                .contains("Missing required argument (specify one of these)")
                .contains("--manifest=URI");
    }

    @Test
    void aListingAndAManifestAreOneTooMany() {
        Called called = audit("--manifest", "m.csv");
        assertThat(called.status()).isEqualTo(64);
        assertThat(called.err()).contains("mutually exclusive");
    }

    @Test
    void anUnknownCommandIsWrongUsage() {
        assertThat(Called.doraxis("audti").status()).isEqualTo(64);
    }

    @Test
    void noCommandShowsTheHelp() {
        Called called = Called.doraxis();
        assertThat(called.status()).isEqualTo(64);
        assertThat(called.err()).contains("audit").contains("explain").contains("demo");
    }

    @Test
    void anUnknownOutcomeListsTheKnown() {
        Called called = audit("--fail-on", "WRONG");
        assertThat(called.status()).isEqualTo(64);
        assertThat(called.err()).contains("no outcome 'WRONG'; there are [EXACT,");
    }

    @Test
    void anUnknownProgramListsTheKnown() {
        Called called = audit("--fail-on", "peft@9:REJECTS");
        assertThat(called.status()).isEqualTo(64);
        assertThat(called.err()).contains("no program 'peft@9'; there are").contains("peft@0.21");
    }

    @ParameterizedTest
    @ValueSource(strings = {"-0.1", "1.5", "NaN"})
    void aShareIsFromZeroToOne(String share) {
        Called called = audit("--max-store-errors", share);
        assertThat(called.status()).isEqualTo(64);
        assertThat(called.err()).contains("--max-store-errors is a share from 0 to 1");
    }

    @Test
    void anEmptyInputIsWrongUsage() {
        assertThat(audit("--input", "").status()).isEqualTo(64);
    }

    @ParameterizedTest
    @ValueSource(strings = {"audit", "atlas"})
    void anEmptyOutputIsWrongUsage(String command) {
        Called called = Called.doraxis(command, "--input", "in", "--output", " ");
        assertThat(called.status()).isEqualTo(64);
        assertThat(called.err()).contains("--output want a folder");
    }

    @Test
    void valuesThatNobodyKnowsListTheKnown() {
        Called called = audit("--values", "some");
        assertThat(called.status()).isEqualTo(64);
        assertThat(called.err()).contains("[NONE, AMBIGUOUS, ALL]");
    }

    @ParameterizedTest
    @ValueSource(strings = {"ambiguous", "ALL"})
    void valuesAreNamedInAnyCase(String values) {
        assertThat(audit("--values", values, "--io-concurrency", "0").err()).contains("--io-concurrency must be");
    }

    @Test
    void readsInFlightAreAtLeastOne() {
        assertThat(audit("--io-concurrency", "0").status()).isEqualTo(64);
    }
}

package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class UsageTest {
    private static Called audit(String... more) {
        String[] args = new String[5 + more.length];
        System.arraycopy(new String[] {"audit", "--input", "in", "--output", "out"}, 0, args, 0, 5);
        System.arraycopy(more, 0, args, 5, more.length);
        return Called.doraxis(args);
    }

    static Stream<String> commands() {
        return Doraxis.commandLine().getSubcommands().keySet().stream().filter(name -> !name.equals("help"));
    }

    @ParameterizedTest
    @MethodSource("commands")
    void everyCommandHasHelp(String command) {
        Called called = Called.doraxis(command, "--help");
        assertThat(called.status()).isZero();
        assertThat(called.out()).startsWith("Usage: doraxis " + command).contains("--verbose");
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

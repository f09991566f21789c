package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.doraxis.audit.AtlasColumns;
import io.doraxis.audit.ChangeColumns;
import io.doraxis.audit.CheckpointColumns;
import io.doraxis.audit.CheckpointColumns.Stamp;
import io.doraxis.audit.Column;
import io.doraxis.audit.ModuleColumns;
import io.doraxis.consumer.ConsumerRules;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What the README promises, against the code. */
class ReadmeTest {
    private static final Path README = Path.of("..", "README.md");

    static Stream<String> columnLines() {
        return Stream.concat(
                        CheckpointColumns.of(new Stamp("", "", Instant.EPOCH)).stream(),
                        Stream.of(ModuleColumns.COLUMNS, ChangeColumns.COLUMNS, AtlasColumns.COLUMNS)
                                .flatMap(List::stream))
                .map(ReadmeTest::line)
                .distinct();
    }

    private static String line(Column<?> column) {
        return "| `%s` | %s |".formatted(column.name(), column.description());
    }

    @ParameterizedTest
    @MethodSource("columnLines")
    void everyColumnIsDescribedAsInTheCode(String line) throws IOException {
        assertThat(Files.readAllLines(README)).contains(line);
    }

    static Stream<Arguments> options() {
        return Doraxis.commandLine().getSubcommands().entrySet().stream()
                .flatMap(command -> command.getValue().getCommandSpec().options().stream()
                        .filter(option -> !option.usageHelp())
                        .map(option -> arguments(command.getKey(), option.shortestName())));
    }

    @ParameterizedTest
    @MethodSource("options")
    void everyOptionIsNamed(String command, String option) throws IOException {
        assertThat(Files.readString(README)).containsPattern("[` ]" + option + "\\b");
    }

    static Stream<String> launcherVariables() throws IOException {
        return Pattern.compile("\\b(DORAXIS_[A-Z_]+|JAVA_HOME)\\b")
                .matcher(Files.readString(Path.of("..", "deploy", "bin", "doraxis")))
                .results()
                .map(MatchResult::group)
                .distinct();
    }

    @ParameterizedTest
    @MethodSource("launcherVariables")
    void everyVariableOfTheLauncherIsNamed(String variable) throws IOException {
        assertThat(Files.readString(README)).contains("`" + variable + "`");
    }

    static Stream<String> consumers() {
        return ConsumerRules.bundled().consumers().stream();
    }

    @ParameterizedTest
    @MethodSource("consumers")
    void everyConsumerIsNamed(String consumer) throws IOException {
        assertThat(Files.readString(README)).contains("`" + consumer + "`");
    }
}

package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.audit.CheckpointColumns;
import io.doraxis.audit.CheckpointColumns.Stamp;
import io.doraxis.audit.Column;
import io.doraxis.audit.ModuleColumns;
import io.doraxis.consumer.ConsumerRules;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the README promises, against the code. */
class ReadmeTest {
    private static final Path README = Path.of("..", "README.md");

    static Stream<String> columnLines() {
        return Stream.concat(
                        CheckpointColumns.of(new Stamp("", "", Instant.EPOCH)).stream(), ModuleColumns.COLUMNS.stream())
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

    static Stream<String> consumers() {
        return ConsumerRules.bundled().consumers().stream();
    }

    @ParameterizedTest
    @MethodSource("consumers")
    void everyConsumerIsNamed(String consumer) throws IOException {
        assertThat(Files.readString(README)).contains("`" + consumer + "`");
    }
}

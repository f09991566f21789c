package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The table of codes in {@code docs/codes.md}, against the comments of the enums that it is made of. */
class CodesTest {
    private static final Path COMMON = Path.of("..", "common", "src", "main", "java", "io", "doraxis");
    private static final Path JOBS = Path.of("src", "main", "java", "io", "doraxis");
    private static final Pattern CONSTANT =
            Pattern.compile("/\\*\\* (?<meaning>[^/]*?) \\*/\\s+(?<code>[A-Z_0-9]+)[,;\\s]");

    static List<Path> enums() {
        return List.of(
                COMMON.resolve("tensorfile/Reason.java"),
                COMMON.resolve("tensorfile/Finding.java"),
                COMMON.resolve("merge/MergeRefusedException.java"),
                COMMON.resolve("peft/ExportPlan.java"),
                JOBS.resolve("spark/ExportResult.java"));
    }

    private static Stream<String> rows(Path source) throws IOException {
        return CONSTANT.matcher(Files.readString(source))
                .results()
                .map(constant -> "| `%s` | %s |".formatted(constant.group(2), meaning(constant.group(1))));
    }

    private static String meaning(String comment) {
        return comment.replaceAll("\\s+\\*?\\s*", " ").replaceAll("\\{@code ([^}]*)}", "`$1`");
    }

    @ParameterizedTest
    @MethodSource("enums")
    void everyCodeStandsInTheTableWithItsMeaning(Path source) throws IOException {
        String expected = rows(source).collect(Collectors.joining("\n", "", "\n"));
        assertThat(expected.lines().count()).isPositive();
        assertThat(Files.readString(Path.of("..", "docs", "codes.md"))).contains(expected);
    }
}

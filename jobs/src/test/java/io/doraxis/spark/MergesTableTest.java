package io.doraxis.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class MergesTableTest {
    @Test
    void theReadmeDescribesEveryColumnAsTheCodeDoes() throws IOException {
        List<String> lines = Files.readAllLines(Path.of("..", "README.md"));
        assertThat(Arrays.stream(MergesTable.SCHEMA.fields())
                        .map(field -> "| `%s` | %s |"
                                .formatted(field.name(), field.getComment().get())))
                .allMatch(lines::contains);
    }
}

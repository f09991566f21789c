package io.doraxis.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunFolderTest {
    private static final List<String> TABLES = List.of("one", "two");

    private final ObjectStore store = new ObjectStore(new Configuration(false));

    @TempDir
    private Path output;

    private RunFolder begin() throws IOException {
        return RunFolder.begin(store, output.toString(), Instant.EPOCH, TABLES);
    }

    @Test
    void whatAnUnfinishedRunLeftOfAnyTableIsRemovedAndToldOnce() throws IOException {
        RunFolder finished = begin();
        for (String table : TABLES) {
            Files.createDirectories(Path.of(finished.table(table).substring("file:".length())));
            Files.createDirectories(output.resolve(table + "/run_id=r1"));
        }
        Files.createDirectories(output.resolve("another/run_id=r1"));
        finished.complete("{}");

        assertThat(begin().unfinished()).containsExactly("r1");
        for (String table : TABLES) {
            assertThat(output.resolve(table))
                    .isDirectoryContaining(path -> path.endsWith("run_id=" + finished.runId()))
                    .isDirectoryNotContaining(path -> path.endsWith("run_id=r1"));
        }
        assertThat(output.resolve("another/run_id=r1")).exists();
    }
}

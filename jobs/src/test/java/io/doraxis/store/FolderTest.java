package io.doraxis.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FolderTest {
    private final ObjectStore store = new ObjectStore(new Configuration());

    @TempDir
    private Path outside;

    private Path root;

    @BeforeEach
    void makeRoot() throws IOException {
        root = Files.createDirectories(outside.resolve("hub"));
    }

    private List<String> listed(int wanted) {
        return assertTimeoutPreemptively(Duration.ofSeconds(20), () -> {
            List<String> names = new ArrayList<>();
            for (Folder folder : Folder.split(store, List.of(root.toString()), wanted)) {
                folder.objects(store)
                        .forEachRemaining(object ->
                                names.add(object.uri().substring(object.uri().indexOf("/hub/") + 5)));
            }
            names.sort(null);
            return names;
        });
    }

    private void file(Path folder, String name) throws IOException {
        Files.createDirectories(folder);
        Files.writeString(folder.resolve(name), "x");
    }

    @Test
    void foldersThatLinkToEachOtherAreListedOnce() throws IOException {
        file(root.resolve("d"), "a");
        file(root.resolve("e"), "b");
        for (int i = 0; i < 3; i++) {
            Files.createSymbolicLink(root.resolve("d/l" + i), root.resolve("e"));
            Files.createSymbolicLink(root.resolve("e/l" + i), root.resolve("d"));
        }
        assertThat(listed(1)).containsExactly("d/a", "e/b");
        assertThat(listed(100)).containsExactly("d/a", "e/b");
    }

    @Test
    void aLinkedFolderElsewhereIsListedAndItsWayBackIsNot() throws IOException {
        file(outside.resolve("other"), "a");
        file(outside.resolve("third"), "b");
        Files.createSymbolicLink(root.resolve("l"), outside.resolve("other"));
        Files.createSymbolicLink(outside.resolve("other/m"), outside.resolve("third"));
        Files.createSymbolicLink(outside.resolve("third/back"), outside.resolve("other"));
        Files.createSymbolicLink(outside.resolve("third/home"), root);
        assertThat(listed(1)).containsExactly("l/a", "l/m/b");
        assertThat(listed(100)).containsExactly("l/a", "l/m/b");
    }
}

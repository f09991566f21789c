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
import org.apache.hadoop.fs.FileStatus;
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

    @Test
    void linksThatLeadNowhereOrInACircleAreNoObjects() throws IOException {
        file(root, "a");
        Files.createSymbolicLink(root.resolve("nowhere"), root.resolve("missing"));
        Files.createSymbolicLink(root.resolve("ring"), root.resolve("ring"));
        assertThat(listed(1)).containsExactly("a");
        assertThat(listed(100)).containsExactly("a");
    }

    @Test
    void oddNamesAreListedAsHadoopPrintsThem() throws IOException {
        for (String name : List.of("a b", "a:b", "a%20b", "a#b", "a?b", "[a]", "{a,b}", "\u00fc\u6587", "a\\b")) {
            file(root.resolve("x:y"), name);
        }
        List<String> hadoops = new ArrayList<>();
        for (FileStatus status : store.fileSystem(new org.apache.hadoop.fs.Path(root.toUri()))
                .listStatus(new org.apache.hadoop.fs.Path(root.resolve("x:y").toUri()))) {
            hadoops.add(status.getPath()
                    .toString()
                    .substring(status.getPath().toString().indexOf("/hub/") + 5));
        }
        assertThat(listed(1)).hasSize(9).containsExactlyInAnyOrderElementsOf(hadoops);
        assertThat(listed(100)).hasSize(9).containsExactlyInAnyOrderElementsOf(hadoops);
    }
}

package io.doraxis.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.doraxis.fixtures.GuardedFileSystem;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.FilterFileSystem;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.hadoop.util.functional.RemoteIterators;
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
    void aFolderWhoseNameIsNoTextIsARow() throws Exception {
        file(root, "a");
        Process made = new ProcessBuilder("sh", "-c", "mkdir \"$1/$(printf 'd\\377')\"", "sh", root.toString()).start();
        assertThat(made.waitFor()).isZero();
        assertThat(names(new Folder("file:" + root, Folder.Extent.TREE, root.toString())))
                .containsExactly("a", "d\ufffd unlistable");
    }

    @Test
    void whatLiesBelowALinkIsListedOnceByOneTaskToo() throws IOException {
        file(root.resolve("d/e"), "a");
        Files.createSymbolicLink(root.resolve("d/e/up"), root);
        assertThat(names(new Folder("file:" + root, Folder.Extent.TREE, root.toString())))
                .containsExactly("d/e/a");
    }

    private List<String> names(Folder folder) throws IOException {
        return names(store, folder);
    }

    private static List<String> names(ObjectStore store, Folder folder) throws IOException {
        List<String> names = new ArrayList<>();
        folder.objects(store)
                .forEachRemaining(object ->
                        names.add(object.uri().substring(object.uri().indexOf("/hub/") + 5)
                                + (object.isUnlistable() ? " unlistable" : "")));
        names.sort(null);
        return names;
    }

    @Test
    void aFolderThatIsListedInPartHasAnotherNameThanAnAdapterInIt() throws IOException {
        file(root, "adapter_config.json");
        FileSystem breaking = new FilterFileSystem(store.fileSystem(new org.apache.hadoop.fs.Path("file:" + root))) {
            @Override
            public RemoteIterator<FileStatus> listStatusIterator(org.apache.hadoop.fs.Path path) throws IOException {
                Iterator<FileStatus> first = List.of(listStatus(path)).iterator();
                return RemoteIterators.mappingRemoteIterator(RemoteIterators.rangeExcludingIterator(0, 2), place -> {
                    if (place > 0) {
                        throw new IOException("the second page");
                    }
                    return first.next();
                });
            }
        };
        List<String> uris = new ArrayList<>();
        new FolderWalk(breaking, new org.apache.hadoop.fs.Path("file:" + root), false, root.toString())
                .forEachRemaining(object -> uris.add(object.uri()));
        assertThat(uris).containsExactly("file:" + root + "/adapter_config.json", "file:" + root + "/");
    }

    @Test
    void aFolderThatAStoreRefusesIsAnObjectAndTheOthersAreListed() throws IOException {
        file(root.resolve("d/secret"), "a");
        file(root.resolve("d/open"), "b");
        file(root, "c");
        ObjectStore guarded = new ObjectStore(GuardedFileSystem.configuration(".*/secret"));
        String uri = GuardedFileSystem.uri(root);
        assertThat(names(guarded, new Folder(uri, Folder.Extent.TREE, uri)))
                .containsExactly("c", "d/open/b", "d/secret unlistable");
        List<String> names = new ArrayList<>();
        for (Folder folder : Folder.split(guarded, List.of(uri), 100)) {
            names.addAll(names(guarded, folder));
        }
        assertThat(names).containsExactlyInAnyOrder("c", "d/open/b", "d/secret unlistable");
    }

    @Test
    void aRootThatAStoreRefusesIsSaidAtOnce() throws IOException {
        ObjectStore guarded = new ObjectStore(GuardedFileSystem.configuration(".*/hub"));
        assertThatThrownBy(() -> Folder.split(guarded, List.of(GuardedFileSystem.uri(root)), 1))
                .isInstanceOf(AccessDeniedException.class);
    }

    @Test
    void whatHasMoreSubfoldersThanTheDriverShouldHoldIsSpreadByATask() throws IOException {
        for (int i = 0; i < 5; i++) {
            file(root.resolve("wide/w" + i), "x");
            file(root.resolve("narrow/n" + i / 3), "x" + i);
        }
        file(root.resolve("wide"), "y");
        List<Folder> shares = Folder.split(store, List.of(root.toString()), 100, 4);
        assertThat(shares)
                .filteredOn(Folder::isWide)
                .singleElement()
                .satisfies(wide -> assertThat(wide.uri()).endsWith("/hub/wide"));
        List<String> names = new ArrayList<>();
        for (Folder share : shares) {
            Iterator<Folder> spread = share.spread(store);
            while (spread.hasNext()) {
                names.addAll(names(spread.next()));
            }
        }
        assertThat(names)
                .containsExactlyInAnyOrder(
                        "narrow/n0/x0",
                        "narrow/n0/x1",
                        "narrow/n0/x2",
                        "narrow/n1/x3",
                        "narrow/n1/x4",
                        "wide/w0/x",
                        "wide/w1/x",
                        "wide/w2/x",
                        "wide/w3/x",
                        "wide/w4/x",
                        "wide/y");
    }

    @Test
    void oddNamesAreListedAsHadoopPrintsThem() throws IOException {
        for (String name : List.of("a b", "a:b", "a%20b", "a#b", "a?b", "[a]", "{a,b}", "\u00fc\u6587", "a\\b")) {
            file(root.resolve("x:y"), name);
        }
        List<String> hadoops = new ArrayList<>();
        for (FileStatus status : store.fileSystem(new org.apache.hadoop.fs.Path("file:" + root))
                .listStatus(new org.apache.hadoop.fs.Path(root.resolve("x:y").toUri()))) {
            hadoops.add(status.getPath()
                    .toString()
                    .substring(status.getPath().toString().indexOf("/hub/") + 5));
        }
        assertThat(listed(1)).hasSize(9).containsExactlyInAnyOrderElementsOf(hadoops);
        assertThat(listed(100)).hasSize(9).containsExactlyInAnyOrderElementsOf(hadoops);
    }
}

package io.doraxis.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.catalog.Checkpoint;
import io.doraxis.catalog.StoredObject;
import io.doraxis.fixtures.GuardedFileSystem;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointFinderTest {
    private final ObjectStore store = new ObjectStore(GuardedFileSystem.configuration(""));

    @TempDir
    private Path folder;

    private void files(String... names) throws IOException {
        for (String name : names) {
            Files.writeString(folder.resolve(name), "x");
        }
        GuardedFileSystem.listed();
    }

    private Checkpoint find(String name) throws IOException {
        return CheckpointFinder.find(store, GuardedFileSystem.uri(folder.resolve(name)));
    }

    private static List<String> names(Checkpoint checkpoint) {
        return Stream.concat(checkpoint.weights().stream(), checkpoint.side().stream())
                .map(StoredObject::fileName)
                .toList();
    }

    @Test
    void theFolderOfANamedFileIsNotListed() throws IOException {
        files("a.safetensors", "b.safetensors", "b.civitai.info", "c.safetensors");
        assertThat(names(find("a.safetensors"))).containsExactly("a.safetensors");
        assertThat(names(find("b.safetensors"))).containsExactly("b.safetensors", "b.civitai.info");
        assertThat(GuardedFileSystem.listed()).isEmpty();
    }

    @Test
    void aPeftDirectoryIsFoundByEachOfItsFilesWithoutAListing() throws IOException {
        files("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin", "other.safetensors");
        for (String name : List.of("adapter_config.json", "adapter_model.safetensors")) {
            Checkpoint found = find(name);
            assertThat(found.form()).isEqualTo(Checkpoint.Form.PEFT_DIRECTORY);
            assertThat(names(found)).containsExactly("adapter_model.safetensors", "adapter_config.json");
        }
        assertThat(find("adapter_model.bin").form()).isEqualTo(Checkpoint.Form.FILE);
        assertThat(GuardedFileSystem.listed()).isEmpty();
    }

    @Test
    void pickledWeightsAloneAreThePeftDirectorys() throws IOException {
        files("adapter_config.json", "adapter_model.bin");
        assertThat(find("adapter_model.bin").form()).isEqualTo(Checkpoint.Form.PEFT_DIRECTORY);
    }

    @Test
    void aShardAndAnIndexAreTheWholeModel() throws IOException {
        files("m.safetensors.index.json", "m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors");
        for (String name : List.of("m.safetensors.index.json", "m-00002-of-00002.safetensors")) {
            assertThat(names(find(name)))
                    .containsExactly(
                            "m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors", "m.safetensors.index.json");
        }
    }

    @Test
    void aSideFileLeadsToWhatItIsAbout() throws IOException {
        files("a.safetensors", "b.safetensors", "b.civitai.info");
        assertThat(names(find("b.civitai.info"))).containsExactly("b.safetensors", "b.civitai.info");
    }

    @Test
    void anyOtherFileIsTakenAsItIs() throws IOException {
        files("README.md", "a.safetensors");
        assertThat(names(find("README.md"))).containsExactly("README.md");
    }

    @Test
    void aFolderIsListed() throws IOException {
        files("b.safetensors", "b.civitai.info");
        assertThat(names(find(""))).containsExactly("b.safetensors", "b.civitai.info");
        assertThat(GuardedFileSystem.listed()).containsExactly(folder.toString());
    }
}

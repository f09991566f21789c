package io.doraxis.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files of this machine that appear as a whole. */
class OutputFileTest {
    @TempDir
    private Path folder;

    private final ObjectStore store = new ObjectStore(new Configuration(false));

    /** Writes a file, and lets another call remove leftovers of another one meanwhile. */
    private void writeWhileLeftoversAreRemovedOf(String name, String other) throws IOException {
        Path file = folder.resolve(name);
        try (OutputFile output = OutputFile.create(store, file.toString())) {
            output.write(new byte[] {1, 2, 3});
            OutputFile.removeLeftovers(store, folder.resolve(other).toString());
            output.publish();
        }
        assertThat(file).hasBinaryContent(new byte[] {1, 2, 3});
    }

    @Test
    void leftoversOfAFileAreNoOtherFilesWhoseLongNameBeginsAlike() throws IOException {
        writeWhileLeftoversAreRemovedOf("a".repeat(80) + ".v1.safetensors", "a".repeat(80) + ".v2.safetensors");
    }

    @Test
    void leftoversOfAFileAreNoOtherFilesWhoseNameGoesOn() throws IOException {
        writeWhileLeftoversAreRemovedOf("style.safetensors.safetensors", "style.safetensors");
    }

    @Test
    void whatAKilledProcessLeftOfALongNameIsRemoved() throws IOException {
        Path file = folder.resolve("a".repeat(200));
        OutputFile.create(store, file.toString()).write(new byte[] {1});
        assertThat(folder.toFile().list()).hasSize(1);

        OutputFile.removeLeftovers(store, file.toString());

        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void aFileInThePlaceOfAFolderIsTheReasonThatIsGiven() throws IOException {
        Files.writeString(folder.resolve("out"), "a file");
        Path file = folder.resolve("out/adapter_config.json");
        assertThatThrownBy(() -> OutputFile.create(store, file.toString()))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("cannot write file:" + file + ": FileAlreadyExistsException");
    }

    @Test
    void aFolderInThePlaceOfAFileIsTheReasonThatIsGiven() throws IOException {
        Path file = Files.createDirectories(folder.resolve("README.md/x")).getParent();
        try (OutputFile output = OutputFile.create(store, file.toString())) {
            output.write(new byte[] {1});
            assertThatThrownBy(output::publish)
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("cannot write file:" + file)
                    .hasMessageContaining("Is a directory");
        }
        assertThat(folder.toFile().list()).containsExactly("README.md");
    }
}

package io.doraxis.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A local disk that has room for a little more, and says so as Hadoop's file system of a real one does. */
class FullDiskTest {
    private static final int ROOM = 100_000;

    /** Linux's device that is always full. */
    private static final org.apache.hadoop.fs.Path FULL = new org.apache.hadoop.fs.Path("/dev/full");

    @TempDir
    private Path folder;

    private ObjectStore store;

    /** Of this machine, with a disk of its own. */
    public static final class SmallDisk extends RawLocalFileSystem {
        @Override
        public FSDataOutputStream create(
                org.apache.hadoop.fs.Path path,
                boolean overwrite,
                int buffer,
                short copies,
                long block,
                Progressable progress)
                throws IOException {
            OutputStream file = super.create(path, overwrite, buffer, copies, block, progress);
            OutputStream full = super.create(FULL, true, 1, copies, block, progress);
            return new FSDataOutputStream(new SmallFile(file, full), new FileSystem.Statistics("file"));
        }

        @Override
        public FSDataOutputStream create(
                org.apache.hadoop.fs.Path path,
                FsPermission permission,
                boolean overwrite,
                int buffer,
                short copies,
                long block,
                Progressable progress)
                throws IOException {
            return create(path, overwrite, buffer, copies, block, progress);
        }
    }

    private static final class SmallFile extends FilterOutputStream {
        private final OutputStream full;
        private int room = ROOM;

        SmallFile(OutputStream out, OutputStream full) {
            super(out);
            this.full = full;
        }

        @Override
        public void write(byte[] data, int from, int count) throws IOException {
            room -= count;
            if (room < 0) {
                full.write(data, from, count);
                full.flush();
            }
            out.write(data, from, count);
        }
    }

    @BeforeEach
    void makeRoom() {
        Configuration settings = new Configuration(false);
        settings.set("fs.file.impl", SmallDisk.class.getName());
        settings.setBoolean("fs.file.impl.disable.cache", true);
        store = new ObjectStore(settings);
    }

    @Test
    void theErrorNamesTheFileAndNothingOfItStays() throws IOException {
        Path file = folder.resolve("merged.safetensors");
        Files.writeString(file, "an earlier one");
        try (OutputFile output = OutputFile.create(store, file.toString())) {
            output.write(new byte[ROOM]);
            assertThatThrownBy(() -> output.write(new byte[1]))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("cannot write file:" + file)
                    .hasMessageContaining("No space left on device");
        }
        assertThat(file).hasContent("an earlier one");
        assertThat(folder).isDirectoryContaining("glob:**merged.safetensors");
        assertThat(folder.toFile().list()).hasSize(1);
    }

    @Test
    void whatFitsIsWritten() throws IOException {
        Path file = folder.resolve("merged.safetensors");
        try (OutputFile output = OutputFile.create(store, file.toString())) {
            output.write(new byte[ROOM]);
            output.publish();
        }
        assertThat(file).hasSize(ROOM);
    }
}

package io.doraxis.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.store.ObjectStore;
import io.doraxis.tensorfile.SafetensorsWriter;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorInfo;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Base models that exports of a process share. */
class SharedBaseTest {
    @TempDir
    private Path folder;

    private final ObjectStore store = new ObjectStore(new Configuration(false));

    /** A layer of two outputs, whose rows have the norms 5 and 13. */
    private String write(String name, String layer) throws Exception {
        Path file = folder.resolve(name);
        Tensor weight = Tensor.ofFloats(layer + ".weight", Shape.of(2, 2), 3, 4, 5, 12);
        try (OutputStream out = Files.newOutputStream(file)) {
            SafetensorsWriter.write(out, List.of(weight), Map.of());
        }
        return file.toString();
    }

    @Test
    void aFileIsReadOnceAndItsBytesCountOnce() throws Exception {
        String file = write("base.safetensors", "b.lin");
        SharedBase base = SharedBase.at(store, file);
        assertThat(base.takeBytesRead()).isPositive();

        SharedBase again = SharedBase.at(store, file);

        assertThat(again).isSameAs(base);
        assertThat(again.takeBytesRead()).isZero();
    }

    @Test
    void normsAreComputedOnce() throws Exception {
        SharedBase base = SharedBase.at(store, write("base.safetensors", "b.lin"));
        TensorInfo weight = base.model().index().tensors().get(0);
        assertThat(base.rowNorms(weight)).isNull();

        double[] norms = base.tellRowNorms(weight, base.read(store, weight));

        assertThat(norms).containsExactly(5, 13);
        assertThat(base.rowNorms(weight)).isSameAs(norms);
    }

    @Test
    void aFileThatWasReplacedIsReadAgain() throws Exception {
        SharedBase base = SharedBase.at(store, write("base.safetensors", "b.lin"));

        SharedBase other = SharedBase.at(store, write("base.safetensors", "another.layer.of.it"));

        assertThat(other).isNotSameAs(base);
        assertThat(other.model().index().tensors().get(0).name()).isEqualTo("another.layer.of.it.weight");
    }

    @Test
    void fourAreKeptOfWhichTheOldestGoes() throws Exception {
        SharedBase first = SharedBase.at(store, write("0.safetensors", "b.lin"));
        SharedBase second = SharedBase.at(store, write("1.safetensors", "b.lin"));
        for (int i = 2; i < 4; i++) {
            SharedBase.at(store, write(i + ".safetensors", "b.lin"));
        }
        assertThat(SharedBase.at(store, folder.resolve("0.safetensors").toString()))
                .isSameAs(first);

        SharedBase.at(store, write("4.safetensors", "b.lin"));

        assertThat(SharedBase.at(store, folder.resolve("0.safetensors").toString()))
                .isSameAs(first);
        assertThat(SharedBase.at(store, folder.resolve("1.safetensors").toString()))
                .isNotSameAs(second);
    }
}

package io.doraxis.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.audit.CheckpointAuditor.Values;
import io.doraxis.audit.FetchedFile;
import io.doraxis.catalog.StoredObject;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ObjectStoreTest {
    private static final int SIZE = 1 << 16;

    private final ObjectStore store = new ObjectStore(new Configuration(false));

    @TempDir
    private Path folder;

    private byte[] content;
    private StoredObject object;

    @BeforeEach
    void makeFile() throws IOException {
        content = new byte[SIZE];
        for (int i = 0; i < content.length; i++) {
            content[i] = (byte) (i * 31 >> 3);
        }
        Path file = Files.write(folder.resolve("x"), content);
        object = store.object(file.toString());
    }

    private static TensorInfo tensor(String name, long begin, long end) {
        return new TensorInfo(name, Dtype.U8, Shape.of(end - begin), begin, end);
    }

    private void assertRead(TensorData data, TensorInfo tensor) {
        byte[] read = new byte[(int) tensor.bytes()];
        data.bytes(tensor).orElseThrow().get(read);
        assertThat(read).as(tensor.name()).isEqualTo(java.util.Arrays.copyOfRange(content, (int) tensor.begin(), (int)
                tensor.end()));
    }

    @Test
    void tensorsThatShareAStorageAreRead() throws IOException {
        List<TensorInfo> tensors = List.of(
                tensor("tied", 100, 200),
                tensor("whole", 100, 200),
                tensor("part", 150, 180),
                tensor("beyond", 190, 260),
                tensor("far", 60_000, 60_010));
        TensorData data = store.tensors(object, tensors);
        tensors.forEach(tensor -> assertRead(data, tensor));
    }

    @Test
    void aFileThatIsInMemoryIsNotReadAgain() throws IOException {
        TensorInfo tensor = tensor("a", 0, 10);
        Values values = new ChosenValues(store, index -> index.tensors())
                .of(FetchedFile.of(object, content, store.reader(object)), index(tensor));
        assertThat(values.requests()).isZero();
        assertRead(values.data(), tensor);
    }

    @Test
    void whatIsReadIsCountedAsItIsAskedFor() throws IOException {
        TensorInfo first = tensor("a", 0, 10);
        TensorInfo near = tensor("b", 20, 30);
        TensorInfo far = tensor("c", 50_000, 50_001);
        TensorInfo unwanted = tensor("d", 30, 50_000);
        Values values = new ChosenValues(store, index -> List.of(first, near, far))
                .of(head(), index(first, near, unwanted, far));
        assertThat(values.requests()).isEqualTo(2);
        assertThat(values.bytes()).isEqualTo(31);
        List.of(first, near, far).forEach(tensor -> assertRead(values.data(), tensor));
        assertThat(values.data().bytes(unwanted)).isEmpty();
    }

    @Test
    void whereNothingIsChosenNothingIsRead() throws IOException {
        Values values = new ChosenValues(store, ChosenValues.SCALARS).of(head(), index(tensor("a", 0, 10)));
        assertThat(values).extracting(Values::requests, Values::bytes).containsExactly(0, 0L);
    }

    @Test
    void moreThanMemoryShouldHoldIsNotRead() throws IOException {
        TensorInfo huge = tensor("huge", 0, 1L << 30);
        TensorInfo small = tensor("small", 0, 10);
        Values values = new ChosenValues(store, index -> index.tensors()).of(head(), index(huge, small));
        assertThat(values.bytes()).isEqualTo(10);
        assertRead(values.data(), small);
    }

    private FetchedFile head() {
        return FetchedFile.of(object, new byte[8], store.reader(object));
    }

    private static TensorIndex index(TensorInfo... tensors) {
        return new TensorIndex(List.of(tensors), Map.of(), 0, List.of());
    }
}

package io.doraxis.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.fixtures.FakeFile;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** What is written is what is read. */
class WriterPropertiesTest {
    @Property(tries = 500, seed = "1101", edgeCases = EdgeCasesMode.NONE)
    void readingGivesBackWhatWasWritten(
            @ForAll("files") List<Tensor> tensors, @ForAll("metadata") Map<String, String> metadata) throws Exception {
        byte[] file = write(tensors, metadata);
        TensorIndex index = SafetensorsReader.read(FakeFile.of(file), file, file.length);

        assertThat(index.metadata()).isEqualTo(metadata);
        assertThat(index.tensors()).hasSameSizeAs(tensors);
        assertThat(index.dataStart() % 8).isZero();
        for (Tensor tensor : tensors) {
            TensorInfo info = index.tensors().stream()
                    .filter(found -> found.name().equals(tensor.name()))
                    .findFirst()
                    .orElseThrow();
            assertThat(info.dtype()).isEqualTo(tensor.dtype());
            assertThat(info.shape()).isEqualTo(tensor.shape());
            assertThat(Arrays.copyOfRange(file, (int) info.begin(), (int) info.end()))
                    .isEqualTo(tensor.data());
        }
    }

    @Property(tries = 200, seed = "1102", edgeCases = EdgeCasesMode.NONE)
    void theSameTensorsInAnyOrderGiveTheSameBytes(@ForAll("files") List<Tensor> tensors, @ForAll long order)
            throws Exception {
        List<Tensor> shuffled = new ArrayList<>(tensors);
        Collections.shuffle(shuffled, new Random(order));
        assertThat(write(shuffled, Map.of())).isEqualTo(write(tensors, Map.of()));
    }

    @Provide
    Arbitrary<List<Tensor>> files() {
        return tensor().list().ofMaxSize(8).uniqueElements(Tensor::name);
    }

    private static Arbitrary<Tensor> tensor() {
        Arbitrary<long[]> dims =
                Arbitraries.longs().between(0, 5).array(long[].class).ofMaxSize(4);
        return Combinators.combine(
                        text().filter(name -> !name.equals("__metadata__")), Arbitraries.of(Dtype.class), dims)
                .as(WriterPropertiesTest::tensor)
                .filter(tensor -> tensor.shape().elements() * tensor.dtype().bits() % 8 == 0);
    }

    private static Tensor tensor(String name, Dtype dtype, long[] dims) {
        Shape shape = Shape.of(dims);
        byte[] data = new byte[(int) (shape.elements() * dtype.bits() / 8)];
        new Random(name.hashCode()).nextBytes(data);
        return new Tensor(name, dtype, shape, data);
    }

    @Provide
    Arbitrary<Map<String, String>> metadata() {
        return Arbitraries.maps(text(), text()).ofMaxSize(5);
    }

    /** Any text that has a UTF-8 form: control characters, quotes and pairs of surrogates among it. */
    private static Arbitrary<String> text() {
        Arbitrary<Integer> points = Arbitraries.oneOf(
                Arbitraries.integers().between(0, 0x7f),
                Arbitraries.integers().between(0x80, 0xd7ff),
                Arbitraries.integers().between(0xe000, 0x10ffff),
                Arbitraries.of((int) '"', (int) '\\', (int) '/', 0x7f, 0));
        return points.list().ofMaxSize(12).map(list -> {
            StringBuilder text = new StringBuilder();
            list.forEach(text::appendCodePoint);
            return text.toString();
        });
    }

    private static byte[] write(List<Tensor> tensors, Map<String, String> metadata) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        SafetensorsWriter.write(out, tensors, metadata);
        return out.toByteArray();
    }
}

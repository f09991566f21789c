package io.doraxis.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.fixtures.FakeFile;
import io.doraxis.fixtures.Json;
import io.doraxis.fixtures.Resources;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Files that torch 2.13 wrote, against what torch says of their tensors ({@code make_torch_fixtures.py}). */
class TorchFixturesTest {
    private static final Json EXPECTED = Resources.json("torch/expected.json");

    static Stream<String> cases() {
        return EXPECTED.keys().stream();
    }

    private static TensorIndex read(FakeFile file, int inHand, PickleScan scan) throws Exception {
        byte[] head = file.head(inHand);
        return TorchReader.read(Container.of(head, head.length), file, head, head.length, scan);
    }

    private static Map<String, TensorInfo> byName(TensorIndex index) {
        Map<String, TensorInfo> tensors = new LinkedHashMap<>();
        index.tensors().forEach(tensor -> tensors.put(tensor.name(), tensor));
        return tensors;
    }

    @ParameterizedTest
    @MethodSource("cases")
    void namesShapesDtypesStridesAndDataAreTorchsOwn(String name) throws Exception {
        byte[] bytes = Resources.bytes("torch/" + name + ".pt");
        Map<String, TensorInfo> tensors = byName(read(FakeFile.of(bytes), bytes.length, new PickleScan()));
        Json expected = EXPECTED.get(name);

        assertThat(tensors.keySet())
                .isEqualTo(expected.keys().stream()
                        .filter(tensor -> !expected.get(tensor).isNull())
                        .collect(Collectors.toSet()));
        tensors.forEach((tensorName, tensor) -> {
            Json torchs = expected.get(tensorName);
            assertThat(tensor.dtype().name())
                    .as(tensorName)
                    .isEqualTo(torchs.get("dtype").text());
            assertThat(tensor.shape())
                    .as(tensorName)
                    .isEqualTo(Shape.of(torchs.get("shape").dims()));
            if (!torchs.get("contiguous").flag()) {
                assertThat(tensor.strides())
                        .as(tensorName)
                        .isEqualTo(Shape.of(torchs.get("strides").dims()));
            } else {
                assertThat(tensor.strides()).as(tensorName).isNull();
            }
            if (name.endsWith("_big_endian")) {
                assertThat(tensor.begin()).isEqualTo(TensorInfo.NOWHERE);
                return;
            }
            assertThat(HexFormat.of().formatHex(elements(bytes, tensor)))
                    .as(tensorName)
                    .isEqualTo(torchs.get("data").text());
        });
    }

    /** The tensor's elements in the order of its shape, as a reader of views would gather them. */
    private static byte[] elements(byte[] file, TensorInfo tensor) {
        int width = tensor.dtype().bits() / 8;
        int count = (int) tensor.shape().elements();
        ByteBuffer out = ByteBuffer.allocate(count * width).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < count; i++) {
            long at = tensor.strides() == null ? i : 0;
            int rest = i;
            for (int d = tensor.shape().rank() - 1; d >= 0 && tensor.strides() != null; d--) {
                at += rest % tensor.shape().dim(d) * tensor.strides().dim(d);
                rest /= (int) tensor.shape().dim(d);
            }
            out.put(file, (int) (tensor.begin() + at * width), width);
        }
        return out.array();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void aFileThatIsReadByRangesGivesTheSameTensorsInTheSamePlaces(String name) throws Exception {
        byte[] bytes = Resources.bytes("torch/" + name + ".pt");
        FakeFile file = FakeFile.of(bytes);
        PickleScan whole = new PickleScan();
        PickleScan parts = new PickleScan();

        assertThat(read(file, Container.SIGNATURE_BYTES, parts))
                .isEqualTo(read(FakeFile.of(bytes), bytes.length, whole));
        assertThat(file.requests()).isLessThanOrEqualTo(2);
        assertThat(parts.names()).isEqualTo(whole.names());
        assertThat(parts.verdict()).isEqualTo(whole.verdict());
    }

    @ParameterizedTest
    @MethodSource("cases")
    void aFileThatIsCutAnywhereIsRefusedWithACode(String name) {
        byte[] bytes = Resources.bytes("torch/" + name + ".pt");
        boolean tar = name.startsWith("tar");
        int end = tar ? lastNumber(bytes) : bytes.length; // a tar archive is filled up behind its end
        for (int length = tar ? Container.SIGNATURE_BYTES : 64; length < end; length += 1 + bytes.length / 97) {
            byte[] cut = Arrays.copyOf(bytes, length);
            try {
                read(FakeFile.of(cut), length, new PickleScan());
                throw new AssertionError(name + " cut at byte " + length + " was taken for whole");
            } catch (MalformedTensorFileException e) {
                assertThat(e.reason())
                        .isIn(Reason.BODY_TRUNCATED, Reason.INVALID_PICKLE, Reason.INVALID_ZIP, Reason.SIZE_MISMATCH);
            } catch (Exception e) {
                throw new AssertionError(name + " cut at byte " + length, e);
            }
        }
    }

    private static int lastNumber(byte[] bytes) {
        int at = bytes.length - 1;
        while (bytes[at] == 0) {
            at--;
        }
        return at;
    }

    @ParameterizedTest
    @MethodSource("cases")
    void onlyFilesOfBigEndianMachinesAreNoticedForTheirByteOrder(String name) throws Exception {
        byte[] bytes = Resources.bytes("torch/" + name + ".pt");
        assertThat(read(FakeFile.of(bytes), bytes.length, new PickleScan()).findings())
                .filteredOn(finding -> finding.code() == Finding.Code.BYTE_ORDER)
                .hasSize(name.endsWith("_big_endian") ? 1 : 0);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void onlyAFileThatImportsAShellIsDenied(String name) throws Exception {
        byte[] bytes = Resources.bytes("torch/" + name + ".pt");
        PickleScan scan = new PickleScan();
        read(FakeFile.of(bytes), bytes.length, scan);
        PickleScan.Verdict expected = name.endsWith("_shell")
                ? PickleScan.Verdict.DENIED
                : name.endsWith("_lightning") ? PickleScan.Verdict.UNKNOWN : PickleScan.Verdict.ALLOWED;
        assertThat(scan.verdict()).isEqualTo(expected);
        if (name.endsWith("_shell")) {
            assertThat(scan.denied()).containsExactly("posix.system");
        }
    }
}

package io.doraxis.cli;

import static io.doraxis.cli.MergeFolder.and;
import static io.doraxis.cli.MergeFolder.lora;
import static io.doraxis.cli.MergeFolder.ofBytes;
import static io.doraxis.cli.MergeFolder.randomTensor;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Bases and outputs of one file and of many, safetensors and torch: which tensor of which bytes is in which file. */
class MergeLayoutIT {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Path TORCH = Path.of("../common/src/test/resources/torch");
    private static final String FIRST = "base/model-00001-of-00002.safetensors";
    private static final String INDEX = "model.safetensors.index.json";

    @TempDir
    private Path path;

    private MergeFolder folder;

    /** A base of two files, of which an adapter changes a tensor each. */
    @BeforeEach
    void makeFiles() throws IOException {
        folder = new MergeFolder(path);
        folder.write(
                "base/model-00001-of-00002.safetensors",
                Tensor.ofFloats("a.weight", Shape.of(2, 3), 1, 1, 1, 2, 2, 2),
                ofBytes("a.count", Dtype.I64, 3),
                ofBytes("a.half", Dtype.BF16, 5));
        folder.write(
                "base/model-00002-of-00002.safetensors",
                Tensor.ofFloats("b.weight", Shape.of(2, 3), 5, 5, 5, 6, 6, 6),
                ofBytes("b.mask", Dtype.BOOL, 1),
                Tensor.ofFloats("b.nothing", Shape.of(0, 3)));
        folder.writeText(
                "base/" + INDEX,
                "{\"metadata\":{\"total_size\":83},\"weight_map\":{"
                        + "\"a.weight\":\"model-00001-of-00002.safetensors\","
                        + "\"a.count\":\"model-00001-of-00002.safetensors\","
                        + "\"a.half\":\"model-00001-of-00002.safetensors\","
                        + "\"b.weight\":\"model-00002-of-00002.safetensors\","
                        + "\"b.mask\":\"model-00002-of-00002.safetensors\","
                        + "\"b.nothing\":\"model-00002-of-00002.safetensors\"}}");
        folder.write("adapter.safetensors", and(diff("lycoris_a", 1), diff("lycoris_b", 10)));
    }

    @Test
    void aRefusalMidwayLeavesNoShardAndNoIndexOfAnEarlierMerge() throws Exception {
        folder.merge("adapter.safetensors", "base", "out");
        assertThat(folder.files()).contains("out/" + INDEX);
        folder.write("adapter.safetensors", and(diff("lycoris_a", 1), diff("lycoris_b", Float.NaN)));
        Called called = folder.merge("adapter.safetensors", "base", "out");
        assertThat(called.status()).isEqualTo(4);
        assertThat(called.err()).contains("NOT_FINITE");
        assertThat(folder.files())
                .doesNotContain("out/" + INDEX, "out/model-00001-of-00002.safetensors")
                .contains("out/model-00002-of-00002.safetensors"); // of the earlier one, whole
    }

    @ParameterizedTest
    @CsvSource({"expanded.pt, TOO_LARGE, huge takes", "metadata_name.pt, UNSUPPORTED_BASE, of the name __metadata__"})
    void aTorchFileThatNoSafetensorsFileCanHoldIsRefused(String base, String code, String said) throws Exception {
        Files.copy(Path.of("src/test/resources/torch", base), path.resolve(base));
        folder.write("one.safetensors", diff("lycoris_a", 1));
        Called called = folder.merge("one.safetensors", base, "out.safetensors");
        assertThat(called.status()).as(called.err()).isEqualTo(4);
        assertThat(called.err()).contains(code).contains(said);
    }

    @Test
    void aFolderWithAnotherModelIsRefused() throws Exception {
        folder.merge("adapter.safetensors", "base", "out", "--max-shard-size", "34B");
        List<String> before = folder.files();
        Called called = folder.merge("adapter.safetensors", "base", "out", "--max-shard-size", "1GB");
        assertThat(called.status()).isEqualTo(4);
        assertThat(called.err()).contains("UNSUPPORTED_OUTPUT").contains("of another model: remove it");
        assertThat(folder.files()).isEqualTo(before);
    }

    private static Tensor[] diff(String module, float by) {
        return new Tensor[] {Tensor.ofFloats(module + ".diff", Shape.of(2, 3), by, by, by, by, by, by)};
    }

    /** @param files the name of the file that each tensor is in */
    private void isMerged(String output, Map<String, String> files) throws Exception {
        assertThat(files).hasSize(6);
        assertThat(folder.values(output + files.get("a.weight"), "a.weight")).containsExactly(2, 2, 2, 3, 3, 3);
        assertThat(folder.values(output + files.get("b.weight"), "b.weight")).containsExactly(15, 15, 15, 16, 16, 16);
        for (String copied : List.of("a.count", "a.half")) {
            assertThat(folder.data(output + files.get(copied), copied)).isEqualTo(folder.data(FIRST, copied));
        }
        assertThat(folder.data(output + files.get("b.mask"), "b.mask")).containsExactly(1);
        assertThat(folder.tensor(output + files.get("b.nothing"), "b.nothing").shape())
                .isEqualTo(Shape.of(0, 3));
    }

    /** The index of an output folder: the file of each tensor. */
    private Map<String, String> index(String output) throws Exception {
        JsonNode files = JSON.readTree(folder.bytes(output + "/" + INDEX)).get("weight_map");
        return JSON.convertValue(files, new TypeReference<Map<String, String>>() {});
    }

    /** All in one file. */
    private Map<String, String> single(String file) throws Exception {
        return folder.header(file).tensors().stream().collect(Collectors.toMap(TensorInfo::name, tensor -> file));
    }

    @Test
    void aFolderKeepsTheFilesOfTheBase() throws Exception {
        Called called = folder.merge("adapter.safetensors", "base", "out");
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(called.out()).contains("DONE").contains("2 written, 4 copied");
        isMerged("out/", index("base"));
        assertThat(folder.files())
                .containsExactly(
                        "adapter.safetensors",
                        "base/model-00001-of-00002.safetensors",
                        "base/model-00002-of-00002.safetensors",
                        "base/" + INDEX,
                        "out/model-00001-of-00002.safetensors",
                        "out/model-00002-of-00002.safetensors",
                        "out/" + INDEX);
        JsonNode index = JSON.readTree(folder.bytes("out/" + INDEX));
        assertThat(index.get("weight_map"))
                .isEqualTo(JSON.readTree(folder.bytes("base/" + INDEX)).get("weight_map"));
        assertThat(index.get("metadata").get("total_size").asLong()).isEqualTo(83);
        assertThat(folder.header("out/model-00002-of-00002.safetensors").metadata())
                .containsEntry("made", "here")
                .containsEntry("format", "pt");
    }

    @Test
    void theIndexNamesTheBaseToo() throws Exception {
        assertThat(folder.merge("adapter.safetensors", "base/" + INDEX, "out").status())
                .isZero();
        isMerged("out/", index("base"));
    }

    @Test
    void whatIsMissingOfAFolderIsWrittenAgain() throws Exception {
        folder.merge("adapter.safetensors", "base", "out");
        byte[] first = folder.bytes("out/model-00001-of-00002.safetensors");
        byte[] index = folder.bytes("out/" + INDEX);
        assertThat(folder.merge("adapter.safetensors", "base", "out").out()).contains("UP_TO_DATE");
        Files.delete(path.resolve("out/model-00001-of-00002.safetensors"));
        Files.delete(path.resolve("out/" + INDEX));
        Called again = folder.merge("adapter.safetensors", "base", "out");
        assertThat(again.out()).contains("DONE").contains("1 written, 2 copied");
        assertThat(folder.bytes("out/model-00001-of-00002.safetensors")).isEqualTo(first);
        assertThat(folder.bytes("out/" + INDEX)).isEqualTo(index);
    }

    @Test
    void filesBecomeOne() throws Exception {
        Called called = folder.merge("adapter.safetensors", "base", "out/all.safetensors");
        assertThat(called.status()).as(called.err()).isZero();
        isMerged("", single("out/all.safetensors"));
        assertThat(folder.files()).filteredOn(name -> name.startsWith("out")).containsExactly("out/all.safetensors");
        assertThat(folder.header("out/all.safetensors").findings()).isEmpty();
    }

    @Test
    void filesArePartedBySize() throws Exception {
        Called called = folder.merge("adapter.safetensors", "base", "out", "--max-shard-size", "34B");
        assertThat(called.status()).as(called.err()).isZero();
        isMerged("out/", index("out"));
        for (int number = 1; number <= 3; number++) {
            String file = "out/model-%05d-of-00003.safetensors".formatted(number);
            assertThat(folder.header(file).tensors().stream()
                            .mapToLong(TensorInfo::bytes)
                            .sum())
                    .isBetween(1L, 34L);
        }
    }

    @Test
    void aTensorLargerThanAFileIsOneAlone() throws Exception {
        folder.merge("adapter.safetensors", "base", "out", "--max-shard-size", "1B");
        isMerged("out/", index("out"));
        assertThat(index("out").values()).doesNotHaveDuplicates();
    }

    @Test
    void whatFitsIntoOneFileNeedsNoIndex() throws Exception {
        folder.merge("adapter.safetensors", "base", "out", "--max-shard-size", "1GB");
        assertThat(folder.files()).filteredOn(name -> name.startsWith("out")).containsExactly("out/model.safetensors");
        isMerged("", single("out/model.safetensors"));
    }

    @Test
    void diffusersFindsItsNamesAgain() throws Exception {
        folder.write(
                "unet/diffusion_pytorch_model.safetensors",
                Tensor.ofFloats("a.weight", Shape.of(2, 3), 1, 1, 1, 2, 2, 2),
                Tensor.ofFloats("b.weight", Shape.of(2, 3), 5, 5, 5, 6, 6, 6));
        folder.merge("adapter.safetensors", "unet", "out", "--max-shard-size", "24B");
        assertThat(folder.files())
                .filteredOn(name -> name.startsWith("out"))
                .containsExactly(
                        "out/diffusion_pytorch_model-00001-of-00002.safetensors",
                        "out/diffusion_pytorch_model-00002-of-00002.safetensors",
                        "out/diffusion_pytorch_model.safetensors.index.json");
        folder.merge("adapter.safetensors", "unet", "one");
        assertThat(folder.files())
                .filteredOn(name -> name.startsWith("one"))
                .containsExactly("one/diffusion_pytorch_model.safetensors");
    }

    @ParameterizedTest
    @ValueSource(strings = {"zip_model.pt", "legacy_model.pt"})
    void aTorchFileIsABaseToo(String file) throws Exception {
        Files.copy(TORCH.resolve(file), path.resolve("base.pt"));
        Tensor[] adapter = and(
                lora("lycoris_b_turned", 1, 2, 4, 5),
                randomTensor("lycoris_head.diff", 3, 4, 3),
                randomTensor("lycoris_b_cut.diff", 4, 3, 3),
                randomTensor("lycoris_b_lin.diff", 5, 2, 3),
                randomTensor("lycoris_b_lin.diff_b", 6, 2));
        folder.write("adapter.safetensors", adapter);
        Called called = folder.merge("adapter.safetensors", "base.pt", "out");
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(called.out()).contains("5 written, 5 copied");

        JsonNode tensors =
                JSON.readTree(TORCH.resolve("expected.json").toFile()).get(file.substring(0, file.length() - 3));
        assertThat(folder.header("out/base.safetensors").tensors()).hasSize(tensors.size());
        for (String copied :
                List.of("embed.weight", "norm.running_mean", "norm.num_batches_tracked", "mask", "b.half.weight")) {
            assertThat(HexFormat.of().formatHex(folder.data("out/base.safetensors", copied)))
                    .as(copied)
                    .isEqualTo(tensors.get(copied).get("data").asText());
        }
        double[] down = folder.values("adapter.safetensors", "lycoris_b_turned.lora_down.weight");
        double[] up = folder.values("adapter.safetensors", "lycoris_b_turned.lora_up.weight");
        double[] turned = floats(tensors, "b.turned.weight");
        for (int row = 0; row < 4; row++) {
            for (int column = 0; column < 5; column++) {
                turned[row * 5 + column] += up[row * 2] * down[column] + up[row * 2 + 1] * down[5 + column];
            }
        }
        isNear("b.turned.weight", turned);
        isNear("head.weight", plus(tensors, "head.weight", "lycoris_head.diff"));
        isNear("b.cut.weight", plus(tensors, "b.cut.weight", "lycoris_b_cut.diff"));
        isNear("b.lin.weight", plus(tensors, "b.lin.weight", "lycoris_b_lin.diff"));
        isNear("b.lin.bias", plus(tensors, "b.lin.bias", "lycoris_b_lin.diff_b"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"zip_adapter", "legacy_adapter"})
    void aTorchFileIsAnAdapterToo(String name) throws Exception {
        Files.copy(TORCH.resolve(name + ".pt"), path.resolve("adapter.pt"));
        folder.write("base.safetensors", Tensor.ofFloats("b.lin.weight", Shape.of(2, 3), new float[6]));
        Called called = folder.merge("adapter.pt", "base.safetensors", "out/base.safetensors");
        assertThat(called.status()).as(called.err()).isZero();
        JsonNode tensors =
                JSON.readTree(TORCH.resolve("expected.json").toFile()).get(name);
        double[] down = floats(tensors, "lycoris_b_lin.lora_down.weight");
        double[] up = floats(tensors, "lycoris_b_lin.lora_up.weight");
        double[] product = new double[6];
        for (int i = 0; i < 6; i++) {
            product[i] = up[i / 3 * 2] * down[i % 3] + up[i / 3 * 2 + 1] * down[3 + i % 3];
        }
        isNear("b.lin.weight", product);
    }

    private double[] plus(JsonNode tensors, String name, String diff) throws Exception {
        double[] sum = floats(tensors, name);
        double[] added = folder.values("adapter.safetensors", diff);
        for (int i = 0; i < sum.length; i++) {
            sum[i] += added[i];
        }
        return sum;
    }

    private static double[] floats(JsonNode tensors, String name) {
        byte[] data = HexFormat.of().parseHex(tensors.get(name).get("data").asText());
        FloatBuffer floats =
                ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
        double[] values = new double[floats.remaining()];
        for (int i = 0; i < values.length; i++) {
            values[i] = floats.get(i);
        }
        return values;
    }

    private void isNear(String name, double[] expected) throws Exception {
        double[] found = folder.values("out/base.safetensors", name);
        assertThat(found).hasSize(expected.length);
        for (int i = 0; i < found.length; i++) {
            assertThat(found[i]).as(name).isCloseTo(expected[i], within(1e-6));
        }
    }

    /** So large that only what is needed of it is read: most of it is a tensor that nothing matches, a hole. */
    @Test
    void ofALargeAdapterOnlyTheTensorsAreRead() throws Exception {
        long hole = Runtime.getRuntime().maxMemory() / 16 / 4 * 4 + 4;
        byte[] header = ("{\"lycoris_a.diff\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[%d,%d]},"
                        + "\"strange\":{\"dtype\":\"F32\",\"shape\":[%d],\"data_offsets\":[0,%d]}}")
                .formatted(hole, hole + 24, hole / 4, hole)
                .getBytes(StandardCharsets.UTF_8);
        try (RandomAccessFile file = new RandomAccessFile(folder.at("large.safetensors"), "rw")) {
            file.write(ByteBuffer.allocate(8 + header.length)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(header.length)
                    .put(header)
                    .array());
            file.seek(8 + header.length + hole);
            file.write(diff("a", 1)[0].data());
        }
        Called called = folder.merge("large.safetensors", "base", "out", "--allow-unmatched");
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(folder.values("out/" + index("out").get("a.weight"), "a.weight"))
                .containsExactly(2, 2, 2, 3, 3, 3);
    }

    @Test
    void aDryRunWritesNothing() throws Exception {
        List<String> before = folder.files();
        Called called = folder.merge("adapter.safetensors", "base", "out", "--dry-run");
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(called.out()).contains("PLANNED").contains("2 to write, 4 to copy; 83 bytes");
        assertThat(folder.files()).isEqualTo(before);
        assertThat(Files.exists(path.resolve("out"))).isFalse();
    }
}

package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.doraxis.audit.CheckpointColumns;
import io.doraxis.audit.CheckpointColumns.Stamp;
import io.doraxis.audit.Column;
import io.doraxis.audit.ModuleColumns;
import io.doraxis.tensorfile.SafetensorsWriter;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExplainTest {
    @TempDir
    private static Path hub;

    @BeforeAll
    static void makeHub() throws IOException {
        DemoHub.write(hub, 10);
    }

    private static JsonNode json(Path path) throws IOException {
        Called called = Called.doraxis("explain", path.toString(), "--format", "json");
        assertThat(called.status()).as(called.err()).isZero();
        return new ObjectMapper().readTree(called.out());
    }

    @Test
    void theTextSaysWhatItIsAndWhyAndWhatFollows() {
        Called called = Called.doraxis("explain", DemoHub.example(hub).toString());
        assertThat(called.status()).isZero();
        assertThat(called.out())
                .contains("adapter, KOHYA names, 4 layers LORA of rank 4, 16 tensors")
                .contains("INPUT, CORROBORATED: 4 of 4 layers have a magnitude")
                .contains("3 x RECTANGULAR_LAYER")
                .contains("Load it with lycoris@3.1")
                .contains("doraxis merge --adapter 'file:" + DemoHub.example(hub) + "' --base BASE.safetensors")
                .contains("EXACT_WITH_BASE: ", "--base BASE.safetensors --input-axis auto --output OUT")
                .contains("peft@0.21");
    }

    @Test
    void theJsonHasTheColumnsOfTheTables() throws IOException {
        JsonNode checkpoint = json(DemoHub.example(hub));
        List<String> expected = new ArrayList<>();
        CheckpointColumns.of(new Stamp("", "", Instant.EPOCH)).stream()
                .map(Column::name)
                .forEach(expected::add);
        expected.add("module_details");
        assertThat(checkpoint.fieldNames()).toIterable().containsExactlyElementsOf(expected);
        assertThat(checkpoint.get("module_details").get(0).fieldNames())
                .toIterable()
                .containsExactlyElementsOf(
                        ModuleColumns.COLUMNS.stream().map(Column::name).toList());
    }

    @Test
    void aPeftDirectoryIsFoundByItsFolderAndByItsFile() throws IOException {
        Path folder = hub.resolve("org04/peft-dora-000004");
        assertThat(json(folder).get("uri").asText()).isEqualTo("file:" + folder);
        assertThat(json(folder.resolve("adapter_model.safetensors")).get("uri").asText())
                .isEqualTo("file:" + folder);
        assertThat(json(folder).get("alpha_summary").asText()).isEqualTo("8.0 x 4");
    }

    @Test
    void alphasOfALargeFileAreReadToo() throws IOException {
        Path large = hub.resolve("large.safetensors");
        LargeAdapter.write(large);
        assertThat(Files.size(large)).isGreaterThan(4 << 20);
        JsonNode module = json(large).get("module_details").get(0);
        assertThat(module.get("alpha").asDouble()).isEqualTo(2.0);
        assertThat(module.get("scale").asDouble()).isEqualTo(0.5);
    }

    @Test
    void aMalformedFileIsExplainedAndEndsWell() throws IOException {
        Path broken = hub.resolve("org02/broken-000009/lora.safetensors");
        assertThat(json(broken).get("error_code").asText()).isEqualTo("EMPTY_OBJECT");
        assertThat(Called.doraxis("explain", broken.toString()).out())
                .contains("EMPTY_OBJECT at byte 0: found 0 bytes");
    }

    @Test
    void theCardOfARepositoryTellsTheLicence() throws IOException {
        Path folder = hub.resolve("org00/plain-000007");
        assertThat(json(folder).get("license").asText()).isEqualTo("apache-2.0");
        assertThat(json(folder).get("requests").asInt()).isEqualTo(2); // the file, which is read whole, and the card
        assertThat(json(folder).get("files")).hasSize(1);
        assertThat(Called.doraxis("explain", folder.toString()).out()).contains("Licence  apache-2.0");
    }

    private static JsonNode torch(String name) throws IOException {
        return json(Path.of("..", "common", "src", "test", "resources", "torch", name)
                .toAbsolutePath()
                .normalize());
    }

    @Test
    void torchsOldestFilesAreRead() throws IOException {
        JsonNode file = torch("tar.pt");
        assertThat(file.get("container").asText()).isEqualTo("TORCH_TAR");
        assertThat(file.get("status").asText()).isEqualTo("OK");
        assertThat(file.get("alpha_summary").asText()).isEqualTo("2.0 x 3");
    }

    @Test
    void theValuesOfABigEndianFileAreNotTakenForLittleEndianOnes() throws IOException {
        for (String name : List.of("zip_big_endian.pt", "legacy_big_endian.pt")) {
            JsonNode file = torch(name);
            assertThat(file.get("status").asText()).isEqualTo("OK");
            assertThat(file.get("tensors").asInt()).isEqualTo(9);
            assertThat(file.get("alpha_summary").asText()).isEqualTo("unknown x 3");
            assertThat(file.get("warnings").get(0).asText()).startsWith("BYTE_ORDER: ");
        }
    }

    @Test
    void aLinkOfADownloadCacheThatBecameATextIsNamed() throws IOException {
        Path snapshot = Files.createDirectories(hub.resolve("models--a--b/snapshots/" + "0b".repeat(20)));
        Path link = Files.writeString(snapshot.resolve("model.safetensors"), "../../blobs/" + "0a".repeat(32));
        assertThat(json(link).get("error_code").asText()).isEqualTo("CACHE_LINK");
    }

    @Test
    void theLayersOfABaseModelAreNamed() throws IOException {
        Path base = hub.resolve("base.safetensors");
        try (OutputStream out = Files.newOutputStream(base)) {
            SafetensorsWriter.write(
                    out, List.of(Tensor.ofFloats("unet.x.weight", Shape.of(2, 3), new float[6])), Map.of());
        }
        Called called = Called.doraxis("explain", DemoHub.example(hub).toString(), "--base", base.toString());
        assertThat(called.status()).isZero();
        assertThat(called.out()).contains("NOT_IN_BASE: 4 modules are not in the base");
    }

    @Test
    void aBaseThatAllLayersFitIsNamed() throws IOException {
        Path folder = Files.createDirectories(hub.resolve("fitting"));
        Path adapter = folder.resolve("adapter.safetensors");
        Path base = folder.resolve("base.safetensors");
        try (OutputStream out = Files.newOutputStream(adapter)) {
            List<Tensor> tensors = new ArrayList<>(List.of(MergeFolder.lora("lycoris_x", 1, 1, 2, 3)));
            tensors.add(Tensor.ofFloats("lycoris_x.dora_scale", Shape.of(1, 3), 1, 1, 1));
            SafetensorsWriter.write(out, tensors, Map.of());
        }
        try (OutputStream out = Files.newOutputStream(base)) {
            SafetensorsWriter.write(out, List.of(Tensor.ofFloats("x.weight", Shape.of(2, 3), new float[6])), Map.of());
        }
        Called called = Called.doraxis("explain", adapter.toString(), "--base", base.toString());
        assertThat(called.out()).contains("every layer fits a weight of " + base);
    }

    @Test
    void aBaseThatCannotBeReadIsSaidAtOnce() {
        Path broken = hub.resolve("org02/broken-000009/lora.safetensors");
        Called called = Called.doraxis("explain", DemoHub.example(hub).toString(), "--base", broken.toString());
        assertThat(called.status()).isEqualTo(1);
        assertThat(called.err()).contains("--base cannot be read: file:" + broken + ": EMPTY_OBJECT");
        assertThat(Called.doraxis("explain", DemoHub.example(hub).toString(), "--base", "/no/such")
                        .err())
                .startsWith("doraxis: no such file or folder: /no/such");
    }

    @Test
    void aMissingPathIsSaid() {
        Called called = Called.doraxis("explain", "/no/such/file");
        assertThat(called.status()).isEqualTo(1);
        assertThat(called.err()).startsWith("doraxis: no such file or folder: /no/such/file");
    }

    @Test
    void aFolderOfManyAsksForOne() throws IOException {
        Path folder = Files.createDirectories(hub.resolve("many"));
        Files.write(folder.resolve("a.safetensors"), new byte[0]);
        Files.write(folder.resolve("b.safetensors"), new byte[0]);
        Called called = Called.doraxis("explain", folder.toString());
        assertThat(called.status()).isEqualTo(64);
        assertThat(called.err()).contains("2 checkpoints in the folder").contains("a.safetensors");
    }

    @Test
    void aFolderOfNoneSaysHowToLookBelow() {
        Called called = Called.doraxis("explain", hub.resolve("org00").toString());
        assertThat(called.status()).isEqualTo(64);
        assertThat(called.err()).contains("no checkpoint in the folder").contains("doraxis audit --input");
    }
}

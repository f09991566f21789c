package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Exports held against their sources by the command line. */
class VerifyIT {
    private static final String UNET = "lora_unet_b_lin";
    private static final String ENCODER = "lora_te_text_model_lin";
    private static final String WEIGHTS = "out/adapter_model.safetensors";

    private MergeFolder folder;

    @BeforeEach
    void makeFiles(@TempDir Path path) throws IOException {
        folder = new MergeFolder(path);
        folder.write("base.safetensors", MergeFolder.randomTensor("unet.b.lin.weight", 1, 6, 5));
        folder.write(
                "pipeline.safetensors",
                MergeFolder.randomTensor("unet.b.lin.weight", 1, 6, 5),
                MergeFolder.randomTensor("text_encoder.text_model.lin.weight", 4, 6, 5));
        folder.write("lora.safetensors", MergeFolder.lora(UNET, 2, 3, 6, 5));
        folder.write(
                "two.safetensors",
                MergeFolder.and(MergeFolder.lora(UNET, 2, 3, 6, 5), MergeFolder.lora(ENCODER, 7, 8, 6, 5)));
        float[] magnitude = MergeFolder.random(9, 5);
        folder.write(
                "input.safetensors",
                MergeFolder.and(
                        MergeFolder.lora(UNET, 2, 3, 6, 5),
                        Tensor.ofFloats(UNET + ".dora_scale", Shape.of(1, 5), magnitude)));
    }

    private void export(String adapter, String base, String... more) {
        Stream<String> args = Stream.of(
                "export", "--input", folder.at(adapter), "--base", folder.at(base), "--output", folder.at("out"));
        Called called = Called.doraxis(Stream.concat(args, Stream.of(more)).toArray(String[]::new));
        assertThat(called.status()).as(called.err()).isZero();
    }

    private Called verify(String... more) {
        return Called.doraxis(Stream.concat(Stream.of("verify", folder.at("out")), Stream.of(more))
                .toArray(String[]::new));
    }

    @ParameterizedTest
    @CsvSource({
        "lora.safetensors, base.safetensors, peft, refuse",
        "two.safetensors, pipeline.safetensors, peft, refuse",
        "two.safetensors, pipeline.safetensors, diffusers, refuse",
        "input.safetensors, base.safetensors, peft, glora",
        "input.safetensors, base.safetensors, peft, ia3-lora",
        "input.safetensors, base.safetensors, peft, full-weights"
    })
    void anExportIsWorthWhatItsSourceIs(String adapter, String base, String layout, String axis) {
        export(adapter, base, "--layout", layout, "--input-axis", axis);

        Called called = verify();

        assertThat(called.err()).isEmpty();
        assertThat(called.status()).isZero();
        assertThat(called.out())
                .contains("is worth what its source is")
                .contains("compared      " + (adapter.startsWith("two") ? 2 : 1) + " tensors")
                .contains(adapter);
    }

    @Test
    void anotherAdapterIsNotWorthWhatTheSourceIs() throws Exception {
        export("lora.safetensors", "base.safetensors");
        folder.write("other.safetensors", MergeFolder.lora(UNET, 2, 4, 6, 5));

        Called called = verify("--source", folder.at("other.safetensors"));

        assertThat(called.status()).isEqualTo(Doraxis.CONDITION_MET);
        assertThat(called.out()).contains("is NOT worth").contains("too far off   unet.b.lin.weight: ");
    }

    @Test
    void whatIsNearlyTheSameIsHeldAgainstTheErrorThatItMayHave() throws Exception {
        export(
                "input.safetensors",
                "base.safetensors",
                "--input-axis",
                "low-rank",
                "--allow-lossy",
                "--max-rel-error",
                "0.9",
                "--max-rank",
                "2");

        JsonNode found = new ObjectMapper().readTree(verify("--format", "json").out());
        double error = found.get("tensors").get(0).get("rel_error_of_change").asDouble();

        assertThat(found.get("same").asBoolean()).isFalse();
        assertThat(error).isBetween(1e-3, 0.9);
        assertThat(verify("--max-rel-error", "" + error * 1.01).status()).isZero();
        assertThat(verify("--max-rel-error", "" + error * 0.99).status()).isEqualTo(Doraxis.CONDITION_MET);
    }

    @Test
    void aMissingComponentIsNamed() throws Exception {
        export("two.safetensors", "pipeline.safetensors");
        folder.delete("out/text_encoder/adapter_config.json");

        Called called = verify("--source", folder.at("two.safetensors"), "--base", folder.at("pipeline.safetensors"));

        assertThat(called.status()).isEqualTo(Doraxis.REFUSED);
        assertThat(called.err()).contains("holds nothing for text_encoder, which the source changes");
    }

    @Test
    void aComponentThatTheSourceLeavesAloneIsToBeLeftAlone() {
        export("two.safetensors", "pipeline.safetensors");

        Called called = verify("--source", folder.at("lora.safetensors"));

        assertThat(called.status()).as(called.err()).isEqualTo(Doraxis.CONDITION_MET);
        assertThat(called.out())
                .contains("compared      2 tensors", "too far off   text_encoder.text_model.lin.weight: ")
                .doesNotContain("too far off   unet");
    }

    @Test
    void aBaseOfIntegersIsRefusedRatherThanLeftOut() throws Exception {
        export("lora.safetensors", "base.safetensors");
        folder.write(
                "integers.safetensors", new Tensor("unet.b.lin.weight", Dtype.I8, Shape.of(6, 5), new byte[6 * 5]));

        Called called = verify("--base", folder.at("integers.safetensors"));

        assertThat(called.status()).as(called.out()).isEqualTo(Doraxis.REFUSED);
        assertThat(called.err()).contains("UNSUPPORTED_BASE: unet.b.lin.weight is of type I8");
    }

    @Test
    void whatCannotBeReadIsRefused() throws Exception {
        folder.writeText("out/adapter_config.json", "{\"peft_type\": \"LORA\"}");
        folder.writeText(WEIGHTS, "no tensors");

        Called called = verify("--source", folder.at("lora.safetensors"), "--base", folder.at("base.safetensors"));

        assertThat(called.status()).as(called.err()).isEqualTo(Doraxis.REFUSED);
        assertThat(called.err()).contains("NOT_AN_ADAPTER");
    }

    @Test
    void factorsOfAnotherLayerAreRefused() throws Exception {
        String layer = "base_model.model.b.lin.glora_";
        folder.writeText("out/adapter_config.json", "{\"peft_type\": \"GLORA\"}");
        folder.write(
                WEIGHTS,
                MergeFolder.randomTensor(layer + "A.Xd", 1, 6, 2),
                MergeFolder.randomTensor(layer + "A.Xu", 2, 2, 7),
                MergeFolder.randomTensor(layer + "B.Xd", 3, 6, 2),
                MergeFolder.randomTensor(layer + "B.Xu", 4, 2, 7));

        Called called = verify("--source", folder.at("lora.safetensors"), "--base", folder.at("base.safetensors"));

        assertThat(called.status()).as(called.err()).isEqualTo(Doraxis.REFUSED);
        assertThat(called.err()).contains("SHAPE_MISMATCH", "[6, 2] x [2, 7] is no product for [6, 5]");
    }

    @Test
    void namesThatMatchNothingAreSaidToBeLeftOut() {
        export("lora.safetensors", "base.safetensors");

        Called called = verify("--source", folder.at("two.safetensors"));

        assertThat(called.status()).isZero();
        assertThat(called.out())
                .contains("not compared  1 names of the source match nothing in the base, such as " + ENCODER);
    }

    @Test
    void anExportFromElsewhereNeedsItsSource() throws Exception {
        folder.write(WEIGHTS, MergeFolder.lora("base_model.model.b.lin", 2, 3, 6, 5));

        Called called = verify("--base", folder.at("base.safetensors"));

        assertThat(called.status()).isEqualTo(Doraxis.FAILED);
        assertThat(called.err()).contains("out does not say what it was made of: give --source");
    }
}

package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Exports by the command line, from files to directories. */
class ExportIT {
    private static final String LINEAR = "lycoris_b_lin";
    private static final String WEIGHTS = "out/adapter_model.safetensors";
    private static final String PREFIX = "base_model.model.b.lin.";

    private MergeFolder folder;

    @BeforeEach
    void makeFiles(@TempDir Path path) throws IOException {
        folder = new MergeFolder(path);
        folder.write("base.safetensors", MergeFolder.randomTensor("b.lin.weight", 1, 6, 5));
        folder.write("lora.safetensors", MergeFolder.lora(LINEAR, 2, 3, 6, 5));
        folder.write("output.safetensors", dora(Shape.of(6, 1)));
        folder.write("input.safetensors", dora(Shape.of(1, 5)));
    }

    private static Tensor[] dora(Shape magnitude) {
        float[] values = MergeFolder.random(9, Math.toIntExact(magnitude.elements()));
        return MergeFolder.and(
                MergeFolder.lora(LINEAR, 2, 3, 6, 5), Tensor.ofFloats(LINEAR + ".dora_scale", magnitude, values));
    }

    private Called export(String adapter, String... more) {
        Stream<String> args = Stream.of(
                "export",
                "--input",
                folder.at(adapter),
                "--base",
                folder.at("base.safetensors"),
                "--output",
                folder.at("out"));
        return Called.doraxis(Stream.concat(args, Stream.of(more)).toArray(String[]::new));
    }

    private String config() throws IOException {
        return new String(folder.bytes("out/adapter_config.json"), StandardCharsets.UTF_8);
    }

    @Test
    void factorsKeepTheirBytesUnderTheNamesOfThePeftLayout() throws Exception {
        Called called = export("lora.safetensors");
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(called.out()).contains("DONE").contains("1 modules as PEFT LORA");
        assertThat(folder.data(WEIGHTS, PREFIX + "lora_A.weight"))
                .isEqualTo(folder.data("lora.safetensors", LINEAR + ".lora_down.weight"));
        assertThat(folder.data(WEIGHTS, PREFIX + "lora_B.weight"))
                .isEqualTo(folder.data("lora.safetensors", LINEAR + ".lora_up.weight"));
        assertThat(config())
                .contains("\"r\" : 3", "\"lora_alpha\" : 3", "\"use_dora\" : false")
                .contains("\"target_modules\" : \"^(b\\\\.lin)$\"");
        assertThat(export("lora.safetensors").out()).contains("UP_TO_DATE");
    }

    @Test
    void theMagnitudeOfTheOutputAxisBecomesAVector() throws Exception {
        assertThat(export("output.safetensors").status()).isZero();
        assertThat(folder.tensor(WEIGHTS, PREFIX + "lora_magnitude_vector").shape())
                .isEqualTo(Shape.of(6));
        assertThat(config()).contains("\"use_dora\" : true");
    }

    private void isRefused(Called called, String code) {
        assertThat(called.status()).as(called.out()).isEqualTo(4);
        assertThat(called.err()).contains("REFUSED: " + code);
        assertThat(folder.files()).noneMatch(name -> name.startsWith("out/"));
    }

    @Test
    void whatIsNotExactIsRefusedAndLeavesNothing() throws Exception {
        isRefused(export("input.safetensors"), "NEEDS_BASE_WEIGHTS");
        isRefused(export("base.safetensors"), "NOT_AN_ADAPTER");
        folder.write(
                "more.safetensors",
                MergeFolder.and(
                        MergeFolder.lora(LINEAR, 2, 3, 6, 5), MergeFolder.lora("lycoris_elsewhere", 4, 3, 6, 5)));
        isRefused(export("more.safetensors"), "UNMATCHED");
        assertThat(export("more.safetensors", "--allow-unmatched").out()).contains("warning");
    }

    @Test
    void aRowOfZerosIsRefusedWherePeftWouldDivideByItsNorm() throws Exception {
        float[] up = MergeFolder.random(3, 18);
        float[] base = MergeFolder.random(1, 30);
        for (int i = 0; i < 3; i++) {
            up[i] = 0;
        }
        for (int i = 0; i < 5; i++) {
            base[i] = 0;
        }
        folder.write("base.safetensors", Tensor.ofFloats("b.lin.weight", Shape.of(6, 5), base));
        Tensor[] dora = dora(Shape.of(6, 1));
        dora[1] = Tensor.ofFloats(LINEAR + ".lora_up.weight", Shape.of(6, 3), up);
        folder.write("output.safetensors", dora);
        isRefused(export("output.safetensors"), "ZERO_NORM");
    }

    @Test
    void aPlanHasARowForEachOfItsExports() throws Exception {
        String rows = Stream.of("lora", "output", "input")
                .map(name -> "%s,%s,%s%n"
                        .formatted(
                                folder.at(name + ".safetensors"),
                                folder.at("base.safetensors"),
                                folder.at("made/" + name)))
                .reduce("", String::concat);
        folder.writeText("plan.csv", "adapter,base,output\n" + rows);
        Called called = Called.doraxis(
                "export", "--plan", folder.at("plan.csv"), "--output", folder.at("run"), "--master", "local[2]");
        assertThat(called.status()).as(called.err()).isEqualTo(4);
        assertThat(called.out()).contains("3 exports: 2 DONE, 1 REFUSED");
        assertThat(folder.files())
                .contains("made/lora/adapter_model.safetensors", "made/output/adapter_config.json")
                .noneMatch(name -> name.startsWith("made/input/") || name.endsWith(".tmp"));
    }
}

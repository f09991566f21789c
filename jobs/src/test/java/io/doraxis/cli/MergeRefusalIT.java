package io.doraxis.cli;

import static io.doraxis.cli.MergeFolder.and;
import static io.doraxis.cli.MergeFolder.lora;
import static io.doraxis.cli.MergeFolder.randomTensor;
import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Merges whose numbers, names or shapes do not allow them: a code, the name of what is to blame, and no file. */
class MergeRefusalIT {
    private static final String PEFT = "base_model.model.b.lin.";

    @TempDir
    private Path path;

    private MergeFolder folder;

    @BeforeEach
    void makeBase() throws IOException {
        folder = new MergeFolder(path);
        folder.write("base.safetensors", randomTensor("b.lin.weight", 1, 4, 3), randomTensor("other", 2, 5));
    }

    private void isRefused(String adapter, String code, String... said) {
        Called called = folder.merge(adapter, "base.safetensors", "out.safetensors");
        assertThat(called.status()).as(called.out() + called.err()).isEqualTo(4);
        assertThat(called.err()).startsWith("doraxis: REFUSED: " + code + ": ").contains(said);
        assertThat(folder.files()).noneMatch(name -> name.contains("out.safetensors"));
    }

    private Called done(String adapter, String... more) {
        Called called = folder.merge(adapter, "base.safetensors", "out.safetensors", more);
        assertThat(called.status()).as(called.err()).isZero();
        return called;
    }

    private static Tensor withNaN(String name, long... dims) {
        float[] values = MergeFolder.random(5, (int) Shape.of(dims).elements());
        values[values.length - 1] = Float.NaN;
        return Tensor.ofFloats(name, Shape.of(dims), values);
    }

    @Test
    void aNumberThatIsNoneIsToldOfItsTensor() throws Exception {
        folder.write("adapter.safetensors", lora("lycoris_b_lin", 1, 2, 4, 3));
        folder.write("base.safetensors", withNaN("b.lin.weight", 4, 3));
        isRefused("adapter.safetensors", "NOT_FINITE", "the base's b.lin.weight");

        makeBase();
        Tensor[] adapter = lora("lycoris_b_lin", 1, 2, 4, 3);
        adapter[1] = withNaN("lycoris_b_lin.lora_up.weight", 4, 2);
        folder.write("adapter.safetensors", adapter);
        isRefused("adapter.safetensors", "NOT_FINITE", "the adapter's lycoris_b_lin.lora_up.weight");
    }

    @Test
    void aNumberThatBecomesNoneIsRefused() throws Exception {
        float[] up = {1e30f, 1e30f, 1e30f, 1e30f};
        float[] down = {1e30f, 1e30f, 1e30f};
        folder.write(
                "adapter.safetensors",
                Tensor.ofFloats("lycoris_b_lin.lora_down.weight", Shape.of(1, 3), down),
                Tensor.ofFloats("lycoris_b_lin.lora_up.weight", Shape.of(4, 1), up));
        isRefused("adapter.safetensors", "NOT_FINITE", "b.lin.weight");
    }

    @Test
    void aNumberThatIsNoneIsToldOfItsTensorInFloat64Too() throws Exception {
        folder.write("base.safetensors", withNaN("b.lin.weight", 4, 3));
        folder.write(
                "ia3.safetensors",
                Tensor.ofFloats("lycoris_b_lin.on_input", Shape.of(), 1),
                randomTensor("lycoris_b_lin.weight", 1, 3));
        isRefused("ia3.safetensors", "NOT_FINITE", "the base's b.lin.weight");
        makeBase();
        folder.write(
                "ia3.safetensors",
                Tensor.ofFloats("lycoris_b_lin.on_input", Shape.of(), 1),
                withNaN("lycoris_b_lin.weight", 3));
        isRefused("ia3.safetensors", "NOT_FINITE", "the adapter's lycoris_b_lin.weight");
    }

    @Test
    void aWeightThatPeftSavedWithANumberThatIsNoneIsRefused() throws Exception {
        folder.write(
                "adapter/adapter_model.safetensors",
                and(peft("lora_A", "lora_B"), withNaN("base_model.model.other", 5)));
        folder.writeText("adapter/adapter_config.json", "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":2}");
        isRefused("adapter", "NOT_FINITE", "the adapter's base_model.model.other");
    }

    private static Tensor[] peft(String a, String b) {
        return new Tensor[] {randomTensor(PEFT + a + ".weight", 3, 2, 3), randomTensor(PEFT + b + ".weight", 4, 4, 2)};
    }

    /** A base whose second row is zero, and factors that add nothing to it. */
    private Tensor[] zeroRow(String down, String up) throws IOException {
        float[] weight = MergeFolder.random(1, 12);
        Arrays.fill(weight, 3, 6, 0);
        folder.write("base.safetensors", Tensor.ofFloats("b.lin.weight", Shape.of(4, 3), weight));
        float[] rows = MergeFolder.random(4, 8);
        Arrays.fill(rows, 2, 4, 0);
        return new Tensor[] {randomTensor(down, 3, 2, 3), Tensor.ofFloats(up, Shape.of(4, 2), rows)};
    }

    @Test
    void aZeroRowUnderPeftsDoraIsRefused() throws Exception {
        Tensor[] factors = zeroRow(PEFT + "lora_A.weight", PEFT + "lora_B.weight");
        folder.write(
                "adapter/adapter_model.safetensors", and(factors, randomTensor(PEFT + "lora_magnitude_vector", 6, 4)));
        folder.writeText(
                "adapter/adapter_config.json", "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":2,\"use_dora\":true}");
        isRefused("adapter", "ZERO_NORM", PEFT.substring(0, PEFT.length() - 1) + ": norm 1 of");
    }

    @Test
    void aZeroRowUnderLycorisDoraStaysZero() throws Exception {
        Tensor[] factors = zeroRow("lycoris_b_lin.lora_down.weight", "lycoris_b_lin.lora_up.weight");
        folder.write("adapter.safetensors", and(factors, randomTensor("lycoris_b_lin.dora_scale", 6, 4, 1)));
        done("adapter.safetensors");
        double[] merged = folder.values("out.safetensors", "b.lin.weight");
        assertThat(Arrays.stream(merged, 3, 6).map(Math::abs)).containsOnly(0.0);
        assertThat(Arrays.stream(merged).allMatch(Double::isFinite)).isTrue();
    }

    @Test
    void namesThatAreLeftOutAreAWarning() throws Exception {
        Tensor[] adapter = and(lora("lycoris_b_lin", 1, 2, 4, 3), lora("lycoris_elsewhere", 3, 2, 4, 3));
        folder.write("adapter.safetensors", and(adapter, randomTensor("strange", 4, 2)));
        isRefused("adapter.safetensors", "UNMATCHED", "2 names", "lycoris_elsewhere");
        assertThat(done("adapter.safetensors", "--allow-unmatched").out())
                .contains("warning       2 names of the adapter match nothing in the base: lycoris_elsewhere, strange");
    }

    @Test
    void aBiasThatTheBaseHasNotIsUnmatched() throws Exception {
        folder.write(
                "adapter.safetensors",
                and(lora("lycoris_b_lin", 1, 2, 4, 3), randomTensor("lycoris_b_lin.diff_b", 4, 4)));
        isRefused("adapter.safetensors", "UNMATCHED", "lycoris_b_lin.diff_b");
        Called called = done("adapter.safetensors", "--allow-unmatched");
        assertThat(called.out()).contains("1 names of the adapter match nothing in the base: lycoris_b_lin.diff_b");
        folder.write("base.safetensors", randomTensor("b.lin.weight", 1, 4, 3), randomTensor("b.lin.bias", 2, 4));
        assertThat(done("adapter.safetensors").out()).contains("2 written, 0 copied");
        folder.write("base.safetensors", randomTensor("b.lin.weight", 1, 4, 3), randomTensor("b.lin.bias", 2, 3));
        folder.write("adapter.safetensors", lora("lycoris_b_lin", 1, 2, 4, 3));
        done("adapter.safetensors");
    }

    @Test
    void aBiasOfAnotherLengthIsRefused() throws Exception {
        folder.write("base.safetensors", randomTensor("b.lin.weight", 1, 4, 3), randomTensor("b.lin.bias", 2, 3));
        folder.write(
                "adapter.safetensors",
                and(lora("lycoris_b_lin", 1, 2, 4, 3), randomTensor("lycoris_b_lin.diff_b", 4, 4)));
        isRefused("adapter.safetensors", "SHAPE_MISMATCH", "b.lin.bias is [3]");
        folder.write("base.safetensors", randomTensor("b.lin.weight", 1, 4, 3), randomTensor("b.lin.bias", 2, 4));
        folder.write(
                "adapter.safetensors",
                and(lora("lycoris_b_lin", 1, 2, 4, 3), randomTensor("lycoris_b_lin.diff_b", 4, 3)));
        isRefused("adapter.safetensors", "SHAPE_MISMATCH", "lycoris_b_lin");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"nowhere:there/out.safetensors", "nowhere://there/out.safetensors", "s3a:///out.safetensors"})
    void anOutputThatIsNoPlaceEndsTheMergeInWords(String output) throws Exception {
        folder.write("adapter.safetensors", lora("lycoris_b_lin", 1, 2, 4, 3));
        Called called = Called.doraxis(
                "merge",
                "--adapter",
                folder.at("adapter.safetensors"),
                "--base",
                folder.at("base.safetensors"),
                "--output",
                output);
        assertThat(called.status()).as(called.err()).isIn(1, 4);
        assertThat(called.err())
                .startsWith("doraxis: ")
                .doesNotContain("Exception")
                .doesNotContain("\tat ");
    }

    @Test
    void aColonInANameIsNoScheme() throws Exception {
        folder.write("adapter:1.safetensors", lora("lycoris_b_lin", 1, 2, 4, 3));
        folder.write("base:1.safetensors", randomTensor("b.lin.weight", 1, 4, 3));
        for (String output : List.of("out:1.safetensors", "out:1")) {
            Called called = folder.merge("adapter:1.safetensors", "base:1.safetensors", output);
            assertThat(called.status()).as(called.err()).isZero();
        }
        assertThat(folder.files()).contains("out:1.safetensors", "out:1/base:1.safetensors");
    }

    @Test
    void aFolderIsNotReplacedByAFile() throws Exception {
        folder.write("adapter.safetensors", lora("lycoris_b_lin", 1, 2, 4, 3));
        folder.writeText("out.safetensors/inside.txt", "kept");
        Called called = folder.merge("adapter.safetensors", "base.safetensors", "out.safetensors");
        assertThat(called.status()).as(called.out()).isEqualTo(1);
        assertThat(called.err()).startsWith("doraxis: FAILED: STORE_ERROR: ").contains("out.safetensors");
        assertThat(folder.files())
                .containsExactly("adapter.safetensors", "base.safetensors", "out.safetensors/inside.txt");
    }

    @Test
    void anIntegerWeightIsNotMergedButCopied() throws Exception {
        folder.write(
                "base.safetensors",
                new Tensor("b.lin.weight", Dtype.I8, Shape.of(4, 3), new byte[12]),
                randomTensor("b.two.weight", 1, 4, 3));
        folder.write("adapter.safetensors", lora("lycoris_b_lin", 1, 2, 4, 3));
        isRefused("adapter.safetensors", "UNSUPPORTED_BASE", "b.lin.weight is of type I8");
        folder.write("adapter.safetensors", lora("lycoris_b_two", 1, 2, 4, 3));
        done("adapter.safetensors", "--dtype", "f16");
        assertThat(folder.tensor("out.safetensors", "b.lin.weight").dtype()).isEqualTo(Dtype.I8);
        assertThat(folder.tensor("out.safetensors", "b.two.weight").dtype()).isEqualTo(Dtype.F16);
    }

    @Test
    void whatAFileOfTheOutputsNameHoldsIsReplacedOnlyByAWholeOne() throws Exception {
        folder.write("adapter.safetensors", lora("lycoris_b_lin", 1, 2, 4, 3));
        folder.writeText("out.safetensors", "of before");
        folder.write("base.safetensors", withNaN("b.lin.weight", 4, 3));
        assertThat(folder.merge("adapter.safetensors", "base.safetensors", "out.safetensors")
                        .status())
                .isEqualTo(4);
        assertThat(new String(folder.bytes("out.safetensors"))).isEqualTo("of before");
        makeBase();
        done("adapter.safetensors");
        assertThat(folder.values("out.safetensors", "other")).isEqualTo(folder.values("base.safetensors", "other"));
        assertThat(folder.files()).isEqualTo(List.of("adapter.safetensors", "base.safetensors", "out.safetensors"));
    }
}

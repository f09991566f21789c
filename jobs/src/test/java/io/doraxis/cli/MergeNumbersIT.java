package io.doraxis.cli;

import static io.doraxis.cli.MergeFolder.and;
import static io.doraxis.cli.MergeFolder.lora;
import static io.doraxis.cli.MergeFolder.randomTensor;
import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The numbers that merges write, against torch's casts and against plain arithmetic in float64. */
class MergeNumbersIT {
    private static final Path RESOURCES = Path.of("../common/src/test/resources");
    private static final double LYCORIS_EPSILON = 0x1p-23;

    @TempDir
    private Path path;

    private MergeFolder folder;

    @BeforeEach
    void open() {
        folder = new MergeFolder(path);
    }

    private void merge(String adapter, String... more) {
        Called called = folder.merge(adapter, "base.safetensors", "out.safetensors", more);
        assertThat(called.status()).as(called.err()).isZero();
    }

    /** Relative to the largest. */
    private void isNear(String tensor, double[] expected) throws Exception {
        double[] found = folder.values("out.safetensors", tensor);
        assertThat(found).hasSize(expected.length);
        double largest = 0;
        double difference = 0;
        for (int i = 0; i < found.length; i++) {
            largest = Math.max(largest, Math.abs(expected[i]));
            difference = Math.max(difference, Math.abs(expected[i] - found[i]));
        }
        assertThat(difference / largest).as(tensor).isLessThan(1e-6);
    }

    @ParameterizedTest
    @CsvSource({"f16, F16, 458", "bf16, BF16, 1", "f8_e4m3, F8_E4M3, 768", "f8_e5m2, F8_E5M2, 460"})
    void numbersBecomeWhatTorchCastsThemTo(String option, Dtype dtype, int tooLarge) throws Exception {
        byte[] casts = Files.readAllBytes(RESOURCES.resolve("casts.safetensors"));
        Files.write(path.resolve("casts.safetensors"), casts);
        byte[] floats = folder.data("casts.safetensors", "values");
        Shape shape = Shape.of(floats.length / 4);
        folder.write(
                "base.safetensors",
                new Tensor("copied", Dtype.F32, shape, floats),
                new Tensor("added.weight", Dtype.F32, shape, floats));
        folder.write(
                "adapter.safetensors", Tensor.ofFloats("lycoris_added.w_norm", shape, new float[floats.length / 4]));
        Called called = folder.merge("adapter.safetensors", "base.safetensors", "out.safetensors", "--dtype", option);
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(called.out())
                .contains("warning       %d elements are too large for the type of the output".formatted(2 * tooLarge));
        byte[] expected = folder.data("casts.safetensors", "as " + dtype);
        if (dtype == Dtype.F8_E5M2) {
            saturate(expected);
        }
        assertThat(folder.data("out.safetensors", "copied")).isEqualTo(expected);
        double[] values = folder.values("out.safetensors", "copied");
        values = Arrays.stream(values).map(value -> value + 0.0).toArray(); // a sum is never -0
        assertThat(Arrays.stream(folder.values("out.safetensors", "added.weight"))
                        .map(value -> value + 0.0))
                .containsExactly(Arrays.stream(values).boxed().toArray(Double[]::new));
    }

    /** torch makes them infinite: the largest number is kept instead. */
    private static void saturate(byte[] e5m2) {
        for (int i = 0; i < e5m2.length; i++) {
            e5m2[i] -= (e5m2[i] & 0x7f) == 0x7c ? 1 : 0;
        }
    }

    @Test
    void whatIsNoNumberStaysSoInATensorThatNothingChanges() throws Exception {
        float[] odd = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, -0f};
        folder.write(
                "base.safetensors",
                Tensor.ofFloats("odd", Shape.of(4), odd),
                Tensor.ofFloats("b.lin.weight", Shape.of(2, 3), 1, 1, 1, 1, 1, 1));
        folder.write("adapter.safetensors", lora("lycoris_b_lin", 1, 1, 2, 3));
        merge("adapter.safetensors");
        assertThat(folder.data("out.safetensors", "odd")).isEqualTo(folder.data("base.safetensors", "odd"));
        for (String dtype : new String[] {"f16", "bf16", "f8_e5m2"}) {
            merge("adapter.safetensors", "--dtype", dtype);
            assertThat(folder.values("out.safetensors", "odd"))
                    .as(dtype)
                    .containsExactly(Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, -0.0);
        }
        Called called =
                folder.merge("adapter.safetensors", "base.safetensors", "out.safetensors", "--dtype", "f8_e4m3");
        assertThat(folder.values("out.safetensors", "odd")).containsExactly(Double.NaN, 448, -448, -0.0);
        assertThat(called.out()).contains("2 elements are too large");
    }

    @Test
    void float64IsRoundedOnceAndNotByWayOfFloat32() throws Exception {
        double aboveHalf = 1 + 0x1p-11 + 0x1p-40; // float32 would make a tie of it
        folder.write(
                "base.safetensors",
                doubles("copied", Shape.of(1), aboveHalf),
                doubles("b.lin.weight", Shape.of(1, 1), aboveHalf),
                doubles("b.lin.bias", Shape.of(1), aboveHalf),
                doubles("b.other.weight", Shape.of(1, 1), 0));
        folder.write(
                "adapter/adapter_model.safetensors",
                Tensor.ofFloats("base_model.model.b.lin.lora_A.weight", Shape.of(1, 1), 0),
                Tensor.ofFloats("base_model.model.b.lin.lora_B.weight", Shape.of(1, 1), 0),
                doubles("base_model.model.b.lin.bias", Shape.of(1), aboveHalf),
                doubles("base_model.model.b.other.weight", Shape.of(1, 1), aboveHalf));
        folder.writeText(
                "adapter/adapter_config.json", "{\"peft_type\":\"LORA\",\"r\":1,\"lora_alpha\":1,\"bias\":\"all\"}");
        merge("adapter", "--dtype", "f16");
        for (String name : new String[] {"copied", "b.lin.weight", "b.lin.bias", "b.other.weight"}) {
            assertThat(folder.values("out.safetensors", name)).as(name).containsExactly(1 + 0x1p-10);
        }
        merge("adapter");
        for (String name : new String[] {"copied", "b.lin.weight", "b.lin.bias", "b.other.weight"}) {
            assertThat(folder.values("out.safetensors", name)).as(name).containsExactly(aboveHalf);
        }
    }

    private static Tensor doubles(String name, Shape shape, double... values) {
        ByteBuffer data = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        data.asDoubleBuffer().put(values);
        return new Tensor(name, Dtype.F64, shape, data.array());
    }

    /** W0 + up x down, [out, columns]. */
    private double[] direction(String adapter, String module, double[] base, int rank, int columns) throws Exception {
        double[] down = folder.values(adapter, module + ".lora_down.weight");
        double[] up = folder.values(adapter, module + ".lora_up.weight");
        double[] direction = base.clone();
        for (int row = 0; row < base.length / columns; row++) {
            for (int inner = 0; inner < rank; inner++) {
                for (int column = 0; column < columns; column++) {
                    direction[row * columns + column] += up[row * rank + inner] * down[inner * columns + column];
                }
            }
        }
        return direction;
    }

    /** Divided by the norm of each input, times its magnitude. */
    private static double[] decomposedByInput(double[] direction, int columns, int kernel, double[] magnitude) {
        double[] squares = new double[magnitude.length];
        for (int i = 0; i < direction.length; i++) {
            squares[i % columns / kernel] += direction[i] * direction[i];
        }
        double[] merged = new double[direction.length];
        for (int i = 0; i < direction.length; i++) {
            int input = i % columns / kernel;
            merged[i] = direction[i] * magnitude[input] / (Math.sqrt(squares[input]) + LYCORIS_EPSILON);
        }
        return merged;
    }

    private static double[] decomposedByOutput(double[] direction, int columns, double[] magnitude) {
        double[] merged = direction.clone();
        for (int row = 0; row < magnitude.length; row++) {
            double squares = 0;
            for (int column = 0; column < columns; column++) {
                squares += direction[row * columns + column] * direction[row * columns + column];
            }
            for (int column = 0; column < columns; column++) {
                merged[row * columns + column] *= magnitude[row] / (Math.sqrt(squares) + LYCORIS_EPSILON);
            }
        }
        return merged;
    }

    /** Large enough to be computed by several blocks of rows. */
    @ParameterizedTest
    @CsvSource({"700, 300, 1", "250, 90, 3", "3, 70000, 1", "70001, 2, 1"})
    void inputAxisDoraIsWhatPlainArithmeticGives(int out, int in, int side) throws Exception {
        int[] kernel = side == 1 ? new int[0] : new int[] {side, side};
        int columns = in * side * side;
        long[] shape = side == 1 ? new long[] {out, in} : new long[] {out, in, side, side};
        long[] scale = side == 1 ? new long[] {1, in} : new long[] {1, in, 1, 1};
        folder.write("base.safetensors", randomTensor("b.layer.weight", 1, shape));
        folder.write(
                "adapter.safetensors",
                and(
                        lora("lycoris_b_layer", 2, 5, out, in, kernel),
                        randomTensor("lycoris_b_layer.dora_scale", 9, scale)));
        merge("adapter.safetensors");
        double[] base = folder.values("base.safetensors", "b.layer.weight");
        double[] direction = direction("adapter.safetensors", "lycoris_b_layer", base, 5, columns);
        double[] magnitude = folder.values("adapter.safetensors", "lycoris_b_layer.dora_scale");
        isNear("b.layer.weight", decomposedByInput(direction, columns, side * side, magnitude));
    }

    @Test
    void theSecondAdapterAppliesToWhatTheFirstMade() throws Exception {
        folder.write("base.safetensors", randomTensor("b.lin.weight", 1, 400, 300));
        folder.write("plain.safetensors", lora("lycoris_b_lin", 2, 4, 400, 300));
        folder.write(
                "input.safetensors",
                and(lora("lycoris_b_lin", 5, 4, 400, 300), randomTensor("lycoris_b_lin.dora_scale", 8, 1, 300)));
        folder.write(
                "output.safetensors",
                and(lora("lycoris_b_lin", 9, 4, 400, 300), randomTensor("lycoris_b_lin.dora_scale", 12, 400, 1)));
        double[] base = folder.values("base.safetensors", "b.lin.weight");

        mergeTwo("plain", "input");
        isNear("b.lin.weight", byInput(plain(base)));
        mergeTwo("input", "plain");
        isNear("b.lin.weight", plain(byInput(base)));
        mergeTwo("output", "input");
        isNear("b.lin.weight", byInput(byOutput(base)));
        mergeTwo("input", "output");
        isNear("b.lin.weight", byOutput(byInput(base)));
        mergeTwo("input", "input");
        isNear("b.lin.weight", byInput(byInput(base)));
    }

    private void mergeTwo(String first, String second) {
        merge(first + ".safetensors", "--adapter", folder.at(second + ".safetensors"));
    }

    private double[] plain(double[] weight) throws Exception {
        return direction("plain.safetensors", "lycoris_b_lin", weight, 4, 300);
    }

    private double[] byInput(double[] weight) throws Exception {
        double[] magnitude = folder.values("input.safetensors", "lycoris_b_lin.dora_scale");
        return decomposedByInput(direction("input.safetensors", "lycoris_b_lin", weight, 4, 300), 300, 1, magnitude);
    }

    private double[] byOutput(double[] weight) throws Exception {
        double[] magnitude = folder.values("output.safetensors", "lycoris_b_lin.dora_scale");
        return decomposedByOutput(direction("output.safetensors", "lycoris_b_lin", weight, 4, 300), 300, magnitude);
    }

    @Test
    void doraOfGpt2sTransposedLayersHasItsNormsPerColumn() throws Exception {
        int in = 300;
        int out = 700;
        folder.write("base.safetensors", randomTensor("h.0.c_fc.weight", 1, in, out));
        folder.write(
                "adapter/adapter_model.safetensors",
                randomTensor("base_model.model.h.0.c_fc.lora_A.weight", 2, 4, in),
                randomTensor("base_model.model.h.0.c_fc.lora_B.weight", 3, out, 4),
                randomTensor("base_model.model.h.0.c_fc.lora_magnitude_vector", 4, out));
        folder.writeText(
                "adapter/adapter_config.json",
                "{\"peft_type\":\"LORA\",\"r\":4,\"lora_alpha\":2,\"use_dora\":true,\"fan_in_fan_out\":true}");
        merge("adapter");
        String file = "adapter/adapter_model.safetensors";
        double[] a = folder.values(file, "base_model.model.h.0.c_fc.lora_A.weight");
        double[] b = folder.values(file, "base_model.model.h.0.c_fc.lora_B.weight");
        double[] magnitude = folder.values(file, "base_model.model.h.0.c_fc.lora_magnitude_vector");
        double[] merged = folder.values("base.safetensors", "h.0.c_fc.weight");
        double[] squares = new double[out];
        for (int i = 0; i < merged.length; i++) {
            for (int rank = 0; rank < 4; rank++) {
                merged[i] += 0.5 * b[i % out * 4 + rank] * a[rank * in + i / out];
            }
            squares[i % out] += merged[i] * merged[i];
        }
        for (int i = 0; i < merged.length; i++) {
            merged[i] *= magnitude[i % out] / Math.sqrt(squares[i % out]);
        }
        isNear("h.0.c_fc.weight", merged);
    }

    /** A part of a weight's rows, or of a bias. */
    private static double[] part(double[] values, int number, int of) {
        int size = values.length / of;
        return Arrays.copyOfRange(values, number * size, (number + 1) * size);
    }

    private static double[] joined(double[]... parts) {
        return Arrays.stream(parts).flatMapToDouble(Arrays::stream).toArray();
    }

    @Test
    void modulesOfAFusedWeightChangeTheirRowsAndNoOthers() throws Exception {
        int size = 200;
        String block = "cond_stage_model.model.transformer.resblocks.3.attn.";
        String layer = "lora_te_text_model_encoder_layers_3_self_attn_";
        folder.write(
                "base.safetensors",
                randomTensor(block + "in_proj_weight", 1, 3 * size, size),
                randomTensor(block + "in_proj_bias", 2, 3 * size));
        Tensor[] adapter = and(
                lora(layer + "q_proj", 3, 4, size, size),
                randomTensor(layer + "q_proj.diff_b", 5, size),
                randomTensor(layer + "v_proj.dora_scale", 6, 1, size));
        folder.write("adapter.safetensors", and(adapter, lora(layer + "v_proj", 7, 4, size, size)));
        merge("adapter.safetensors");

        double[] weight = folder.values("base.safetensors", block + "in_proj_weight");
        double[] bias = folder.values("base.safetensors", block + "in_proj_bias");
        double[] added = folder.values("adapter.safetensors", layer + "q_proj.diff_b");
        double[] changed = part(bias, 0, 3);
        for (int i = 0; i < size; i++) {
            changed[i] += added[i];
        }
        double[] queries = direction("adapter.safetensors", layer + "q_proj", part(weight, 0, 3), 4, size);
        double[] values = direction("adapter.safetensors", layer + "v_proj", part(weight, 2, 3), 4, size);
        double[] magnitude = folder.values("adapter.safetensors", layer + "v_proj.dora_scale");
        isNear(
                block + "in_proj_weight",
                joined(queries, part(weight, 1, 3), decomposedByInput(values, size, 1, magnitude)));
        isNear(block + "in_proj_bias", joined(changed, part(bias, 1, 3), part(bias, 2, 3)));
        double[] found = folder.values("out.safetensors", block + "in_proj_weight");
        assertThat(part(found, 1, 3)).isEqualTo(part(weight, 1, 3));
    }

    /** Of Flux's own size, for a model is known by the shapes of its layers; small numbers that eight bits hold. */
    @Test
    void aModuleThatFusesLayersChangesEachOfThem() throws Exception {
        int size = 3072;
        String block = "transformer_blocks.0.attn.to_";
        folder.write(
                "base.safetensors",
                new Tensor("x_embedder.weight", Dtype.F8_E4M3, Shape.of(size, 64), new byte[size * 64]),
                new Tensor(block + "q.weight", Dtype.F8_E4M3, Shape.of(size, size), new byte[size * size]),
                new Tensor(block + "k.weight", Dtype.F8_E4M3, Shape.of(size, size), new byte[size * size]),
                new Tensor(block + "v.weight", Dtype.F8_E4M3, Shape.of(size, size), new byte[size * size]));
        float[] up = new float[3 * size];
        float[] down = new float[size];
        for (int i = 0; i < up.length; i++) {
            up[i] = 1 + i % 5 + 5 * (i / size);
        }
        Arrays.fill(down, 1);
        folder.write(
                "adapter.safetensors",
                Tensor.ofFloats("lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight", Shape.of(1, size), down),
                Tensor.ofFloats("lora_unet_double_blocks_0_img_attn_qkv.lora_up.weight", Shape.of(3 * size, 1), up));
        merge("adapter.safetensors");
        for (int part = 0; part < 3; part++) {
            double[] found = folder.values("out.safetensors", block + "qkv".charAt(part) + ".weight");
            for (int i = 0; i < found.length; i += 1021) {
                assertThat(found[i]).isEqualTo(up[part * size + i / size]);
            }
        }
        folder.write(
                "input.safetensors",
                Tensor.ofFloats("lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight", Shape.of(1, size), down),
                Tensor.ofFloats("lora_unet_double_blocks_0_img_attn_qkv.lora_up.weight", Shape.of(3 * size, 1), up),
                Tensor.ofFloats("lora_unet_double_blocks_0_img_attn_qkv.dora_scale", Shape.of(1, size), down));
        Called refused = folder.merge("input.safetensors", "base.safetensors", "refused.safetensors");
        assertThat(refused.status()).isEqualTo(4);
        assertThat(refused.err()).contains("UNSUPPORTED_MODULE");
    }
}

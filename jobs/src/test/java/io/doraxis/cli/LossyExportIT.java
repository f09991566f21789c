package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Exports of DoRA on the input axis that are only nearly the same, by the command line. */
class LossyExportIT {
    private static final int OUT = 24;
    private static final int IN = 20;
    private static final int RANK = 3;
    private static final String LINEAR = "lycoris_b_lin";
    private static final String CONV = "lycoris_b_conv";
    private static final String WEIGHTS = "out/adapter_model.safetensors";
    private static final String PREFIX = "base_model.model.b.";

    private MergeFolder folder;

    /** A linear layer whose inputs drift little, and a convolution whose drift is larger. */
    @BeforeEach
    void makeFiles(@TempDir Path path) throws IOException {
        folder = new MergeFolder(path);
        float[] linear = normal(1, OUT * IN, 1);
        float[] conv = normal(2, OUT * IN, 1);
        folder.write(
                "base.safetensors",
                Tensor.ofFloats("b.lin.weight", Shape.of(OUT, IN), linear),
                Tensor.ofFloats("b.conv.weight", Shape.of(OUT, IN / 4, 2, 2), conv));
        folder.write(
                "input.safetensors",
                Tensor.ofFloats(LINEAR + ".alpha", Shape.of(), RANK),
                Tensor.ofFloats(LINEAR + ".lora_down.weight", Shape.of(RANK, IN), normal(3, RANK * IN, 0.2)),
                Tensor.ofFloats(LINEAR + ".lora_up.weight", Shape.of(OUT, RANK), normal(4, OUT * RANK, 0.2)),
                Tensor.ofFloats(LINEAR + ".dora_scale", Shape.of(1, IN), drifted(linear, 1, 0.002)),
                Tensor.ofFloats(CONV + ".alpha", Shape.of(), RANK),
                Tensor.ofFloats(CONV + ".lora_down.weight", Shape.of(RANK, IN / 4, 2, 2), normal(5, RANK * IN, 0.2)),
                Tensor.ofFloats(CONV + ".lora_up.weight", Shape.of(OUT, RANK, 1, 1), normal(6, OUT * RANK, 0.2)),
                Tensor.ofFloats(CONV + ".dora_scale", Shape.of(1, IN / 4, 1, 1), drifted(conv, 4, 0.15)));
    }

    private static float[] normal(long seed, int count, double size) {
        Random random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (size * random.nextGaussian());
        }
        return values;
    }

    /** Norms of the inputs, each moved by a part of it. */
    private static float[] drifted(float[] weight, int kernel, double noise) {
        double[] squares = new double[IN / kernel];
        for (int i = 0; i < weight.length; i++) {
            squares[i % IN / kernel] += weight[i] * weight[i];
        }
        float[] drift = normal(7, squares.length, noise);
        float[] magnitude = new float[squares.length];
        for (int i = 0; i < magnitude.length; i++) {
            magnitude[i] = (float) (Math.sqrt(squares[i]) * (1.06 + drift[i]));
        }
        return magnitude;
    }

    private Called lossy(String maxError, String... more) {
        String[] options = {"--input-axis", "low-rank", "--allow-lossy", "--max-rel-error", maxError};
        return export(Stream.concat(Arrays.stream(options), Arrays.stream(more)).toArray(String[]::new));
    }

    private Called export(String... more) {
        Stream<String> args = Stream.of(
                "export",
                "--input",
                folder.at("input.safetensors"),
                "--base",
                folder.at("base.safetensors"),
                "--output",
                folder.at("out"));
        return Called.doraxis(Stream.concat(args, Arrays.stream(more)).toArray(String[]::new));
    }

    /** The weight that PEFT makes, in float64. */
    private double[] ofPeft(String layer, int columns) throws Exception {
        double[] weight = folder.values("base.safetensors", "b." + layer + ".weight");
        double[] left = folder.values(WEIGHTS, PREFIX + layer + ".lora_B.weight");
        double[] right = folder.values(WEIGHTS, PREFIX + layer + ".lora_A.weight");
        double[] magnitude = folder.values(WEIGHTS, PREFIX + layer + ".lora_magnitude_vector");
        int rank = left.length / OUT;
        for (int row = 0; row < OUT; row++) {
            double square = 0;
            for (int column = 0; column < columns; column++) {
                for (int i = 0; i < rank; i++) {
                    weight[row * columns + column] += left[row * rank + i] * right[i * columns + column];
                }
                square += Math.pow(weight[row * columns + column], 2);
            }
            for (int column = 0; column < columns; column++) {
                weight[row * columns + column] *= magnitude[row] / Math.sqrt(square);
            }
        }
        return weight;
    }

    private double error(String layer) throws Exception {
        double[] base = folder.values("base.safetensors", "b." + layer + ".weight");
        folder.merge("input.safetensors", "base.safetensors", "merged.safetensors");
        double[] merged = folder.values("merged.safetensors", "b." + layer + ".weight");
        double[] actual = ofPeft(layer, IN);
        double difference = 0;
        double change = 0;
        for (int i = 0; i < merged.length; i++) {
            difference += Math.pow(actual[i] - merged[i], 2);
            change += Math.pow(merged[i] - base[i], 2);
        }
        return Math.sqrt(difference / change);
    }

    private double stated(String module) throws Exception {
        String errors = folder.header(WEIGHTS).metadata().get("doraxis.rel_errors");
        Matcher matcher = Pattern.compile('"' + module + "\":([0-9.e+-]+)").matcher(errors);
        assertThat(matcher.find()).as(errors).isTrue();
        return Double.parseDouble(matcher.group(1));
    }

    @Test
    void eachLayerGetsTheCheapestFormWithinTheErrorAndSaysHowFarOffItIs() throws Exception {
        Called called = lossy("0.2", "--verify");
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(called.out())
                .contains("outcome       LOSSY", "1 LORA DoRA on inputs -> lossy refitted magnitude")
                .containsPattern("1 LORA DoRA on inputs -> lossy DoRA of rank [0-9]+\n")
                .containsPattern("error         [0-9.e-]+ of what the adapter changes, in all 2 lossy modules")
                .contains("0.00e+00 but for 2 lossy ones, which are as far off as stated");
        assertThat(folder.data(WEIGHTS, PREFIX + "lin.lora_A.weight"))
                .isEqualTo(folder.data("input.safetensors", LINEAR + ".lora_down.weight"));
        assertThat(folder.tensor(WEIGHTS, PREFIX + "conv.lora_magnitude_vector").shape())
                .isEqualTo(Shape.of(1, OUT, 1, 1));
        for (String layer : new String[] {"lin", "conv"}) {
            double stated = stated("lycoris_b_" + layer);
            assertThat(stated).isLessThan(0.2);
            assertThat(error(layer)).isBetween(stated * 0.99, stated * 1.01);
        }
        assertThat(new String(folder.bytes("out/README.md"), StandardCharsets.UTF_8))
                .contains("It is not exact", "| `" + CONV + "` | DORA of rank ");
        called = lossy("0.2", "--verify");
        assertThat(called.out()).contains("UP_TO_DATE", "as far off as stated");
    }

    @Test
    void anErrorThatIsNotTheStatedOneIsSeen() throws Exception {
        lossy("0.2");
        Path weights = folder.path().resolve(WEIGHTS);
        byte[] bytes = Files.readAllBytes(weights);
        int magnitudes = bytes.length - 4 * OUT; // the last tensor by its name
        for (int i = magnitudes + 3; i < bytes.length; i += 4) {
            bytes[i] ^= (byte) 0x80;
        }
        Files.write(weights, bytes);
        Called called = lossy("0.2", "--verify");
        assertThat(called.status()).isEqualTo(1);
        assertThat(called.err()).contains("FAILED: NOT_AS_SOURCE: b.lin.weight is ", "and said to be ");
    }

    @Test
    void whatIsFurtherOffIsRefusedByNameOrSavedWhole() throws Exception {
        Called called = lossy("0.2", "--max-rank", "1");
        assertThat(called.status()).isEqualTo(4);
        assertThat(called.err())
                .contains("REFUSED: NOT_WITHIN_ERROR: 1 modules are not within 0.2 up to rank 1: " + CONV + " is ")
                .contains("off at best");
        assertThat(folder.files()).noneMatch(name -> name.startsWith("out/"));
        called = export(
                "--input-axis",
                "low-rank,full-weights",
                "--allow-lossy",
                "--max-rel-error",
                "0.2",
                "--max-rank",
                "1",
                "--verify");
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(called.out())
                .contains(
                        "lossy refitted magnitude", "1 LORA DoRA on inputs -> whole weights", "in all 1 lossy modules")
                .contains("but for 1 lossy ones, which are as far off as stated");
        folder.merge("input.safetensors", "base.safetensors", "merged.safetensors");
        assertThat(folder.data(WEIGHTS, PREFIX + "conv.weight"))
                .isEqualTo(folder.data("merged.safetensors", "b.conv.weight"));
    }

    @Test
    void factorsThatWouldBeLargerThanTheirLayerAreNotKept() throws Exception {
        float[] linear = normal(1, OUT * IN, 1);
        folder.write(
                "input.safetensors",
                Tensor.ofFloats(LINEAR + ".alpha", Shape.of(), 8),
                Tensor.ofFloats(LINEAR + ".hada_w1_a", Shape.of(OUT, 8), normal(3, OUT * 8, 0.2)),
                Tensor.ofFloats(LINEAR + ".hada_w1_b", Shape.of(8, IN), normal(4, IN * 8, 0.2)),
                Tensor.ofFloats(LINEAR + ".hada_w2_a", Shape.of(OUT, 8), normal(5, OUT * 8, 0.2)),
                Tensor.ofFloats(LINEAR + ".hada_w2_b", Shape.of(8, IN), normal(6, IN * 8, 0.2)),
                Tensor.ofFloats(LINEAR + ".dora_scale", Shape.of(1, IN), drifted(linear, 1, 0.002)));
        Called called = lossy("0.2", "--verify");
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(called.out())
                .containsPattern("1 LOHA DoRA on inputs -> lossy DoRA of rank [0-9]+\n")
                .contains("as far off as stated");
    }

    @Test
    void aRefusalOfTheInputAxisSaysHowFarOffItWouldBe() throws Exception {
        Called called = export();
        assertThat(called.err())
                .contains("REFUSED: INPUT_AXIS")
                .containsPattern("low-rank \\(1,248 bytes .*: then it is [0-9.e+-]+ off, .* \\(" + CONV + "\\)");
        Matcher error = Pattern.compile("then it is ([0-9.e+-]+) off").matcher(called.err());
        assertThat(error.find()).isTrue();
        lossy("0.9");
        assertThat(folder.header(WEIGHTS).metadata()).containsEntry("doraxis.rel_error", error.group(1));
    }

    @Test
    void aDryRunComputesTheSameAndWritesNothing() throws Exception {
        Called called = lossy("0.2", "--dry-run");
        assertThat(called.out()).contains("PLANNED", "lossy refitted magnitude", "error         ");
        assertThat(folder.files()).noneMatch(name -> name.startsWith("out/"));
        String error = called.out()
                .lines()
                .filter(line -> line.startsWith("error"))
                .findFirst()
                .orElseThrow();
        assertThat(lossy("0.2").out()).contains(error);
    }

    @ParameterizedTest
    @CsvSource({"nd4j, nd4j-native", "reference, java-float64"})
    void theKernelThatWasAskedForComputes(String kernel, String name) throws Exception {
        Called called = lossy("0.2", "--kernel", kernel, "--verify");
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(called.out()).containsPattern("kernel        " + name + ".* on cpu\n");
    }

    @Test
    void diffusersLoadsThemToo() throws Exception {
        Called called = lossy("0.2", "--layout", "diffusers", "--fold-alpha");
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(folder.header("out/pytorch_lora_weights.safetensors").metadata())
                .containsKey("doraxis.rel_errors");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--input-axis low-rank | is not exact: add --allow-lossy and --max-rel-error",
                "--input-axis low-rank --allow-lossy | --allow-lossy needs --max-rel-error",
                "--input-axis low-rank --allow-lossy --max-rel-error 0 | a share between 0 and 1",
                "--input-axis low-rank --allow-lossy --max-rel-error 1.5 | a share between 0 and 1",
                "--input-axis low-rank --allow-lossy --max-rel-error 0.1 --max-rank 0 | --max-rank is 1 at least",
                "--input-axis low-rank --allow-lossy --max-rel-error 0.1 | low-rank needs --base",
                "--input-axis low-rank,glora --allow-lossy --max-rel-error 0.1 | one form, or low-rank,full-weights",
                "--allow-lossy | are of --input-axis low-rank",
                "--input-axis auto --max-rank 4 | are of --input-axis low-rank",
                "--kernel java --device gpu | computes on the CPU",
                "--device gpu | --device gpu: "
            })
    void whatIsMissingOrDoesNotFitIsSaid(String options, String message) {
        String[] args = ("export --input a.safetensors --output out " + options).split(" ");
        Called called = Called.doraxis(args);
        assertThat(called.status()).isEqualTo(64);
        assertThat(called.err()).contains(message);
    }
}

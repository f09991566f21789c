package io.doraxis.merge;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.fixtures.GoldenCase;
import io.doraxis.fixtures.GoldenCase.Values;
import io.doraxis.naming.BaseNames;
import io.doraxis.naming.BaseNames.Found;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class DirectionNormsTest {
    /** The direction times the factors is the library's merged weight. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "locon_dora_in",
                "locon_tucker_dora_in",
                "loha_dora_in",
                "loha_tucker_dora_in",
                "lokr_dora_in",
                "lokr_factor8_dora_in"
            })
    void normsAndMagnitudesScaleTheInputsAsTheLibraryDoes(String name) throws Exception {
        GoldenCase golden = GoldenCase.of(name);
        Map<String, Values> base = golden.tensors("base.safetensors");
        Map<String, Values> merged = golden.tensors("merged.safetensors");
        BaseNames names =
                BaseNames.of(base.values().stream().map(Values::tensor).toList());
        for (AdapterModule module : golden.adapter().modules()) {
            Values weight =
                    base.get(((Found) names.resolve(module.name())).weight().name());
            double[] factors =
                    norms(module, ModuleAxis.INPUT, golden.data(), weight).factors();
            Matrix direction =
                    matrix(weight).plus(DeltaWeight.of(module, golden.data()).scaled(module.scale()));
            int kernel = (int) weight.shape().from(2).elements();
            Matrix made = WeightDecomposition.scaled(direction, factors, ModuleAxis.INPUT, kernel);
            assertThat(merged.get(weight.tensor().name()).error(made.values())).isLessThan(1e-6);
        }
    }

    private static Matrix matrix(Values weight) {
        int rows = (int) weight.shape().dim(0);
        return new Matrix(rows, weight.numbers().length / rows, weight.numbers());
    }

    private static DirectionNorms norms(AdapterModule module, ModuleAxis axis, TensorData data, Values weight) {
        return norms(module, axis, data, weight.shape(), weight.numbers());
    }

    private static DirectionNorms norms(
            AdapterModule module, ModuleAxis axis, TensorData data, Shape shape, double[] values) {
        ByteBuffer bytes = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asDoubleBuffer().put(values);
        return DirectionNorms.of(module, axis, data, new TensorInfo("w", Dtype.F64, shape, 0, bytes.capacity()), bytes);
    }

    /** A LoRA of some rank, with its values. */
    private record Lora(AdapterModule module, TensorData data) {
        static Lora of(int out, int in, int kernel, double scale) {
            List<TensorInfo> tensors = List.of(
                    new TensorInfo("m.lora_down.weight", Dtype.F64, Shape.of(3, in, kernel), 0, 24L * in * kernel),
                    new TensorInfo("m.lora_up.weight", Dtype.F64, Shape.of(out, 3, 1), 0, 24L * out));
            Random random = new Random(4);
            TensorData data = tensor -> {
                ByteBuffer bytes = ByteBuffer.allocate((int) tensor.bytes()).order(ByteOrder.LITTLE_ENDIAN);
                random.setSeed(tensor.name().hashCode());
                for (int i = 0; i < bytes.capacity(); i += 8) {
                    bytes.putDouble(i, scale * random.nextGaussian());
                }
                return Optional.of(bytes);
            };
            TensorIndex file = new TensorIndex(new ArrayList<>(tensors), Map.of(), 0, List.of());
            return new Lora(AdapterIndex.of(file, data, null).modules().get(0), data);
        }
    }

    /** Of which no block holds all. */
    @ParameterizedTest
    @EnumSource(names = {"INPUT", "OUTPUT"})
    void blocksOfRowsGiveTheNormsOfTheWhole(ModuleAxis axis) {
        Lora lora = Lora.of(300, 200, 3, 1);
        double[] base = new Random(1).doubles(300 * 200 * 3).toArray();
        Matrix direction = new Matrix(300, 600, base.clone()).plus(DeltaWeight.of(lora.module, lora.data));
        double[] expected = WeightDecomposition.norms(direction, axis, 3);
        double[] actual =
                norms(lora.module, axis, lora.data, Shape.of(300, 200, 3), base).norms();
        assertThat(actual).hasSameSizeAs(expected);
        for (int i = 0; i < expected.length; i++) {
            assertThat(actual[i]).isCloseTo(expected[i], Offset.offset(1e-9 * expected[i]));
        }
    }

    @ParameterizedTest
    @CsvSource({"0, true", "1e-4, true", "0.1, false", "2, false"})
    void aDirectionThatTheDeltaLeavesNothingOfIsTold(double left, boolean cancelled) {
        Lora lora = Lora.of(4, 5, 1, 1);
        double[] base = DeltaWeight.of(lora.module, lora.data).scaled(left - 1).values();
        if (left == 2) { // a base of zeros is none of its own
            base = new double[20];
        }
        assertThat(norms(lora.module, ModuleAxis.INPUT, lora.data, Shape.of(4, 5, 1), base)
                        .isCancelled())
                .isEqualTo(cancelled);
    }

    @Test
    void oneInputOfZerosIsEnough() {
        Lora lora = Lora.of(4, 5, 1, 0);
        double[] base = new Random(1).doubles(20).toArray();
        for (int row = 0; row < 4; row++) {
            base[row * 5 + 2] = 0;
        }
        assertThat(norms(lora.module, ModuleAxis.INPUT, lora.data, Shape.of(4, 5, 1), base)
                        .isCancelled())
                .isTrue();
        assertThat(norms(lora.module, ModuleAxis.OUTPUT, lora.data, Shape.of(4, 5, 1), base)
                        .isCancelled())
                .isFalse();
    }

    private static double[] rowNorms(Shape shape, double... values) {
        ByteBuffer bytes = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asDoubleBuffer().put(values);
        return DirectionNorms.ofRows(new TensorInfo("w", Dtype.F64, shape, 0, bytes.capacity()), bytes);
    }

    @Test
    void rowsHaveTheNormsOfAllTheirPositions() {
        assertThat(rowNorms(Shape.of(2, 1, 2), 3, 4, 0, 5)).containsExactly(5, 5);
    }

    /** The rows of the base are those of the delta weight, longer by a factor: exactly known, and by the bound alone. */
    @ParameterizedTest
    @CsvSource({"1.2, true", "100, true", "1.05, false", "0.5, false"})
    void rowsLongerThanTheDeltaWeightsAreSurelyNotCancelled(double longer, boolean sure) {
        Lora lora = Lora.of(4, 50, 1, 1);
        double[] base = DeltaWeight.of(lora.module, lora.data).scaled(longer).values();
        assertThat(DirectionNorms.isSurelyShort(lora.module, lora.data, rowNorms(Shape.of(4, 50, 1), base)))
                .isEqualTo(sure);
        for (int i = 0; i < 50; i++) {
            base[i] = 0;
        }
        assertThat(DirectionNorms.isSurelyShort(lora.module, lora.data, rowNorms(Shape.of(4, 50, 1), base)))
                .isFalse();
    }
}

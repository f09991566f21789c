package io.doraxis.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.doraxis.fixtures.Json;
import io.doraxis.fixtures.Resources;
import io.doraxis.merge.FloatMatrix;
import io.doraxis.merge.JavaKernel;
import io.doraxis.merge.MergeRefusedException;
import io.doraxis.merge.MergeRefusedException.Code;
import io.doraxis.merge.TensorKernel;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Lossy forms of layers that {@code low_rank.py} generated, against what torch makes of them in float64. */
class LossyFitterTest {
    private static final TensorKernel KERNEL = new JavaKernel();
    private static final Set<LossyForm> ALL = EnumSet.allOf(LossyForm.class);
    private static final Json EXPECTED = Resources.json("low_rank/expected.json");

    static Set<String> layers() {
        return EXPECTED.keys();
    }

    /** A layer and a rank for which torch's errors are known. */
    record Known(String layer, int rank, double lora, double dora) {}

    static List<Known> known() {
        List<Known> known = new ArrayList<>();
        for (String layer : layers()) {
            Json of = EXPECTED.get(layer);
            for (int i = 0; i < of.get("ranks").items().size(); i++) {
                known.add(new Known(layer, (int) number(of, "ranks", i), number(of, "lora", i), number(of, "dora", i)));
            }
        }
        return known;
    }

    private static double number(Json of, String field, int index) {
        return of.get(field).items().get(index).number();
    }

    private static LossyLayer layer(String name) throws Exception {
        return LossyLayers.read(Resources.path("low_rank/" + name + ".safetensors"));
    }

    private static LossyOutcome outcome(LossyLayer layer, Set<LossyForm> forms, double maxError, int maxRank)
            throws MergeRefusedException {
        return new LossyFitter(forms, maxError, maxRank).fit(layer, KERNEL);
    }

    private static LossyFit fitted(LossyLayer layer, Set<LossyForm> forms, double maxError, int maxRank)
            throws MergeRefusedException {
        LossyOutcome outcome = outcome(layer, forms, maxError, maxRank);
        assertThat(outcome).isInstanceOf(LossyOutcome.Fitted.class);
        return ((LossyOutcome.Fitted) outcome).fit();
    }

    /** Of one form at a rank, whatever the error. */
    private static LossyFit nearest(LossyLayer layer, LossyForm form, int rank) throws MergeRefusedException {
        LossyOutcome outcome = outcome(layer, Set.of(form), 0, rank);
        return outcome instanceof LossyOutcome.Refused refused
                ? refused.nearest()
                : ((LossyOutcome.Fitted) outcome).fit();
    }

    /** The error as PEFT's formula gives it, all in float64. */
    private static double error(LossyLayer layer, LossyFit fit) {
        double distance = 0;
        double change = 0;
        for (int row = 0; row < layer.base().rows(); row++) {
            double[] weight = new double[layer.base().columns()];
            double square = 0;
            for (int column = 0; column < weight.length; column++) {
                weight[column] = at(layer.base(), row, column);
                for (int i = 0; i < fit.rank(); i++) {
                    weight[column] += fit.scale() * at(fit.loraB(), row, i) * at(fit.loraA(), i, column);
                }
                square += weight[column] * weight[column];
            }
            double factor = fit.magnitude().isPresent() ? at(fit.magnitude().get(), row, 0) / Math.sqrt(square) : 1;
            for (int column = 0; column < weight.length; column++) {
                double merged = at(layer.merged(), row, column);
                distance += Math.pow(factor * weight[column] - merged, 2);
                change += Math.pow(merged - at(layer.base(), row, column), 2);
            }
        }
        return Math.sqrt(distance / change);
    }

    private static double at(FloatMatrix matrix, int row, int column) {
        return matrix.values()[matrix.offset() + row * matrix.columns() + column];
    }

    @ParameterizedTest
    @MethodSource("known")
    void theErrorIsTheOneOfTheStoredNumbers(Known known) throws Exception {
        LossyLayer layer = layer(known.layer);
        for (LossyForm form : LossyForm.values()) {
            LossyFit fit = nearest(layer, form, known.rank);
            assertThat(fit.relativeError())
                    .as("%s", form)
                    .isCloseTo(error(layer, fit), within(1e-4 * fit.relativeError()));
        }
    }

    @ParameterizedTest
    @MethodSource("known")
    void noRankIsFurtherOffThanTorchs(Known known) throws Exception {
        LossyLayer layer = layer(known.layer);
        LossyFit lora = nearest(layer, LossyForm.LORA, known.rank);
        LossyFit dora = nearest(layer, LossyForm.DORA, known.rank);
        assertThat(lora.rank()).isEqualTo(known.rank);
        assertThat(dora.rank()).isEqualTo(known.rank);
        assertThat(lora.relativeError()).isBetween(known.lora * 0.9999, known.lora * 1.005);
        assertThat(dora.relativeError()).isLessThan(known.dora * 1.05).isLessThan(known.lora);
    }

    @ParameterizedTest
    @MethodSource("layers")
    void aRefittedMagnitudeIsTheLeastSquaresOne(String name) throws Exception {
        LossyLayer layer = layer(name);
        double expected = EXPECTED.get(name).get("refitted").number();
        LossyFit fit = fitted(layer, Set.of(LossyForm.REFITTED_MAGNITUDE), expected * 1.00001, 1);
        assertThat(fit.relativeError()).isCloseTo(expected, within(1e-6));
        assertThat(fit.loraB()).isSameAs(layer.loraB());
        assertThat(fit.loraA()).isSameAs(layer.loraA());
        assertThat(fit.magnitude().orElseThrow().rows()).isEqualTo(layer.base().rows());
    }

    @ParameterizedTest
    @MethodSource("known")
    void theRankIsTheLeastWithinTheError(Known known) throws Exception {
        LossyLayer layer = layer(known.layer);
        for (LossyForm form : List.of(LossyForm.DORA, LossyForm.LORA)) {
            LossyFit atRank = nearest(layer, form, known.rank);
            LossyFit fit = fitted(layer, Set.of(form), atRank.relativeError() * 1.01, 48);
            assertThat(fit.rank()).as("%s", form).isBetween(known.rank - 1, known.rank + 1);
            assertThat(fit.isWithin(atRank.relativeError() * 1.01)).isTrue();
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = LossyForm.class,
            names = {"DORA", "LORA"})
    void ranksBeyondTheFirstDecompositionAreFoundToo(LossyForm form) throws Exception {
        LossyLayer layer = layer("square");
        int rank = LossyFitter.FIRST_RANK + 20;
        LossyFit atRank = nearest(layer, form, rank);
        LossyFit fit = fitted(layer, Set.of(form), atRank.relativeError() * 1.01, 96);
        assertThat(fit.rank()).isBetween(rank - 1, rank + 1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"mean_moved", "tall"})
    void theFirstFormWithinTheErrorIsTaken(String name) throws Exception {
        LossyLayer layer = layer(name);
        double refitted = EXPECTED.get(name).get("refitted").number();
        assertThat(fitted(layer, ALL, refitted * 1.01, 48).form()).isEqualTo(LossyForm.REFITTED_MAGNITUDE);
        assertThat(fitted(layer, ALL, refitted * 0.9, 48).form()).isEqualTo(LossyForm.DORA);
        assertThat(fitted(layer, Set.of(LossyForm.LORA), refitted, 48).magnitude())
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"square", "strong"})
    void factorsThatPlainLoraOfTheirRankBeatsAreNotKept(String name) throws Exception {
        LossyLayer layer = layer(name);
        double refitted = EXPECTED.get(name).get("refitted").number();
        int rank = layer.loraA().rows();
        assertThat(nearest(layer, LossyForm.LORA, rank).relativeError()).isLessThan(refitted);
        LossyFit fit = fitted(layer, ALL, refitted * 1.01, 48);
        assertThat(fit.form()).isEqualTo(LossyForm.DORA);
        assertThat(fit.rank()).isLessThanOrEqualTo(rank);
        assertThat(fitted(layer, ALL, refitted * 1.01, 1).form())
                .as("where no rank is enough")
                .isEqualTo(LossyForm.REFITTED_MAGNITUDE);
    }

    @ParameterizedTest
    @MethodSource("layers")
    void whatNoFormComesNearToIsRefused(String name) throws Exception {
        LossyLayer layer = layer(name);
        double nearest = nearest(layer, LossyForm.DORA, 2).relativeError();
        double refitted = EXPECTED.get(name).get("refitted").number();
        LossyOutcome outcome = outcome(layer, ALL, Math.min(nearest, refitted) * 0.9, 2);
        assertThat(outcome).isInstanceOf(LossyOutcome.Refused.class);
        LossyFit refused = ((LossyOutcome.Refused) outcome).nearest();
        assertThat(refused.relativeError()).isCloseTo(Math.min(nearest, refitted), within(1e-3));
        assertThat(error(layer, refused)).isCloseTo(refused.relativeError(), within(1e-5));
    }

    @ParameterizedTest
    @EnumSource(LossyForm.class)
    void theSameLayerGivesTheSameBits(LossyForm form) throws Exception {
        LossyFit one = nearest(layer("square"), form, 8);
        LossyFit other = nearest(layer("square"), form, 8);
        assertThat(one.loraB().values()).isEqualTo(other.loraB().values());
        assertThat(one.loraA().values()).isEqualTo(other.loraA().values());
        assertThat(one.relativeError()).isEqualTo(other.relativeError());
        assertThat(one.magnitude().map(FloatMatrix::values).orElse(null))
                .isEqualTo(other.magnitude().map(FloatMatrix::values).orElse(null));
    }

    private static FloatMatrix random(int rows, int columns, double size) {
        Random random = new Random(31L * rows + columns);
        FloatMatrix matrix = FloatMatrix.zeros(rows, columns);
        for (int i = 0; i < matrix.values().length; i++) {
            matrix.values()[i] = (float) (size * random.nextGaussian());
        }
        return matrix;
    }

    /** Columns scaled by up to a tenth, after a delta of rank 2. */
    private static LossyLayer layer(FloatMatrix base, double size) {
        FloatMatrix loraB = random(base.rows(), 2, size);
        FloatMatrix loraA = random(2, base.columns(), size);
        FloatMatrix merged = base.copy();
        KERNEL.addProduct(merged, 1, loraB, loraA);
        for (int i = 0; i < merged.values().length; i++) {
            merged.values()[i] *= (float) (1 + 0.1 * Math.sin(i % merged.columns()));
        }
        return new LossyLayer("odd", base, merged, loraB, loraA, 1);
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "1, 30", "30, 1", "2, 50", "50, 2", "13, 17"})
    void atFullRankEveryShapeIsFittedButForRounding(int rows, int columns) throws Exception {
        LossyLayer layer = layer(random(rows, columns, 1), 0.3);
        for (LossyForm form : List.of(LossyForm.DORA, LossyForm.LORA)) {
            LossyFit fit = fitted(layer, Set.of(form), 1e-4, 1000);
            assertThat(fit.rank()).isBetween(1, Math.min(rows, columns));
            assertThat(fit.loraB().rows()).isEqualTo(rows);
            assertThat(fit.loraA().columns()).isEqualTo(columns);
            assertThat(error(layer, fit)).isLessThan(1e-4);
        }
    }

    @Test
    void rowsOfZerosStayZerosInEveryForm() throws Exception {
        FloatMatrix base = random(12, 20, 1);
        LossyLayer whole = layer(base, 0.3);
        for (FloatMatrix matrix : List.of(base, whole.merged(), whole.loraB())) {
            for (int row : new int[] {0, 7}) {
                for (int column = 0; column < matrix.columns(); column++) {
                    matrix.values()[row * matrix.columns() + column] = 0;
                }
            }
        }
        assertThat(nearest(whole, LossyForm.REFITTED_MAGNITUDE, 1).relativeError())
                .as("PEFT divides by a norm of 0")
                .isNaN();
        assertThat(fitted(whole, ALL, 0.5, 12).form()).isEqualTo(LossyForm.DORA);
        assertThat(((LossyOutcome.Refused) outcome(whole, ALL, 1e-9, 1))
                        .nearest()
                        .relativeError())
                .isLessThan(1);
        LossyFit dora = fitted(whole, Set.of(LossyForm.DORA), 1e-3, 12);
        assertThat(error(whole, dora)).isLessThan(1e-3);
        assertThat(dora.magnitude().orElseThrow().values()[7]).isZero();
        assertThat(error(whole, fitted(whole, Set.of(LossyForm.LORA), 1e-3, 12)))
                .isLessThan(1e-3);
    }

    @Test
    void aRowThatTurnsAroundIsFitted() throws Exception {
        LossyLayer layer = layer(random(12, 20, 1), 0.3);
        for (int column = 0; column < 20; column++) {
            layer.merged().values()[3 * 20 + column] *= -1;
        }
        for (LossyForm form : LossyForm.values()) {
            LossyFit fit = nearest(layer, form, 6);
            assertThat(fit.relativeError()).isCloseTo(error(layer, fit), within(1e-5));
        }
        assertThat(fitted(layer, Set.of(LossyForm.DORA), 1e-3, 12).isWithin(1e-3))
                .isTrue();
    }

    @Test
    void whatChangesNothingIsFittedByAnyForm() throws Exception {
        FloatMatrix base = random(12, 20, 1);
        LossyLayer layer =
                new LossyLayer("untrained", base, base.copy(), FloatMatrix.zeros(12, 2), random(2, 20, 1), 1);
        for (LossyForm form : LossyForm.values()) {
            assertThat(fitted(layer, Set.of(form), 0.1, 4).relativeError()).isLessThan(0.1);
        }
        assertThat(fitted(layer, Set.of(LossyForm.LORA), 0, 4).loraB().values()).containsOnly(0);
        LossyLayer zeros = new LossyLayer(
                "zeros",
                FloatMatrix.zeros(3, 4),
                FloatMatrix.zeros(3, 4),
                FloatMatrix.zeros(3, 1),
                FloatMatrix.zeros(1, 4),
                1);
        assertThat(fitted(zeros, ALL, 0.1, 4).form()).isEqualTo(LossyForm.LORA);
    }

    @Test
    void theScaleIsTheOneOfTheFactors() throws Exception {
        LossyLayer plain = layer("square");
        FloatMatrix halved = plain.loraB().copy();
        for (int i = 0; i < halved.values().length; i++) {
            halved.values()[i] /= 2;
        }
        LossyLayer scaled = new LossyLayer("scaled", plain.base(), plain.merged(), halved, plain.loraA(), 2);
        LossyFit fit = nearest(scaled, LossyForm.REFITTED_MAGNITUDE, 1);
        assertThat(fit.scale()).isEqualTo(2);
        assertThat(fit.relativeError())
                .isEqualTo(nearest(plain, LossyForm.REFITTED_MAGNITUDE, 1).relativeError());
        assertThat(nearest(scaled, LossyForm.DORA, 4).scale()).isEqualTo(1);
    }

    @Test
    void whatIsNoNumberIsRefusedByName() {
        LossyLayer layer = layer(random(4, 6, 1), 0.3);
        layer.loraA().values()[8] = Float.NaN;
        refuses(layer, "odd: lora_A holds NaN at [1, 2]");
        layer.loraB().values()[7] = Float.NEGATIVE_INFINITY;
        refuses(layer, "odd: lora_B holds -Infinity at [3, 1]");
        layer.merged().values()[23] = Float.NaN;
        refuses(layer, "odd: the merged weight holds NaN at [3, 5]");
        layer.base().values()[0] = Float.POSITIVE_INFINITY;
        refuses(layer, "odd: the base weight holds Infinity at [0, 0]");
        FloatMatrix one = FloatMatrix.zeros(1, 1);
        refuses(new LossyLayer("one", one, one, one, one, Double.NaN), "one: the scale is NaN");
    }

    private static void refuses(LossyLayer layer, String message) {
        assertThatThrownBy(() -> outcome(layer, ALL, 0.1, 4))
                .isInstanceOfSatisfying(
                        MergeRefusedException.class,
                        refused -> assertThat(refused.code()).isEqualTo(Code.NOT_FINITE))
                .hasMessage(message);
    }

    @Test
    void shapesThatDoNotFitAreNamed() {
        FloatMatrix wide = FloatMatrix.zeros(2, 3);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new LossyLayer("m", wide, wide, FloatMatrix.zeros(3, 1), FloatMatrix.zeros(1, 3), 1))
                .withMessage("m: [3, 1] x [1, 3] from [2, 3] to [2, 3]");
        assertThatIllegalArgumentException().isThrownBy(() -> new LossyFitter(Set.of(), 0.1, 4));
        assertThatIllegalArgumentException().isThrownBy(() -> new LossyFitter(ALL, Double.NaN, 4));
        assertThatIllegalArgumentException().isThrownBy(() -> new LossyFitter(ALL, 0.1, 0));
    }
}

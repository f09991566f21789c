package io.doraxis.dora;

import static io.doraxis.tensorfile.Finding.Code.INVALID_MAGNITUDE;
import static io.doraxis.tensorfile.Finding.Code.LEGACY_SIGNED_MEAN;
import static io.doraxis.tensorfile.Finding.Code.MIXED_AXES;
import static io.doraxis.tensorfile.Finding.Code.UNKNOWN_PRODUCER;
import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.fixtures.Adapters;
import io.doraxis.tensorfile.Finding;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorData;
import org.junit.jupiter.api.Test;

class AxisClassifierTest {
    @Test
    void aCheckpointWithoutMagnitudesHasNoAxis() {
        CheckpointVerdict verdict = classify(new Adapters().lora("a", 8, 16));
        assertThat(verdict.axis()).isEqualTo(CheckpointAxis.NONE);
        assertThat(verdict.doraModules()).isZero();
        assertThat(verdict.evidence()).isEmpty();
    }

    @Test
    void modulesWithoutAMagnitudeDoNotWeakenTheOthers() {
        CheckpointVerdict verdict =
                classify(new Adapters().lora("a", 8, 16).lora("b", 8, 16).magnitude("b", 8, 1));
        assertThat(verdict.axis()).isEqualTo(CheckpointAxis.OUTPUT);
        assertThat(verdict.confidence()).isEqualTo(Confidence.PROVEN);
        assertThat(verdict.doraModules()).isEqualTo(1);
        assertThat(verdict.resolved(verdict.modules().get(0))).isEqualTo(ModuleAxis.NONE);
        assertThat(verdict.evidence()).containsExactly(new Evidence(Evidence.Kind.RECTANGULAR_LAYER, 1, "OUTPUT"));
    }

    @Test
    void ambiguousModulesFollowTheProvenOnes() {
        CheckpointVerdict verdict = classify(new Adapters()
                .lora("a", 16, 16)
                .magnitude("a", 16)
                .lora("b", 8, 16)
                .magnitude("b", 8));
        assertThat(verdict.axis()).isEqualTo(CheckpointAxis.OUTPUT);
        assertThat(verdict.ambiguousModules()).isEqualTo(1);
        assertThat(verdict.resolved(verdict.modules().get(0))).isEqualTo(ModuleAxis.OUTPUT);
    }

    @Test
    void squareFlatMagnitudesAloneAreAmbiguous() {
        CheckpointVerdict verdict = classify(new Adapters().lora("a", 16, 16).magnitude("a", 16));
        assertThat(verdict.axis()).isEqualTo(CheckpointAxis.AMBIGUOUS);
        assertThat(verdict.confidence()).isEqualTo(Confidence.UNKNOWN);
        assertThat(verdict.resolved(verdict.modules().get(0))).isEqualTo(ModuleAxis.AMBIGUOUS);
    }

    @Test
    void aMixedCheckpointNamesTheRarerModules() {
        CheckpointVerdict verdict = classify(new Adapters()
                .lora("a", 8, 16)
                .magnitude("a", 8, 1)
                .lora("b", 8, 16)
                .magnitude("b", 1, 16)
                .lora("c", 8, 16)
                .magnitude("c", 8, 1)
                .lora("d", 16, 16)
                .magnitude("d", 16));
        assertThat(verdict.axis()).isEqualTo(CheckpointAxis.MIXED);
        assertThat(verdict.contradicting()).containsExactly("b");
        assertThat(verdict.findings())
                .containsExactly(new Finding(MIXED_AXES, "1 modules on the input axis, 2 on the output axis"));
        assertThat(verdict.resolved(verdict.modules().get(3))).isEqualTo(ModuleAxis.AMBIGUOUS);
    }

    @Test
    void contradictingModulesAreNamedUpToTwenty() {
        Adapters file = new Adapters();
        for (int i = 0; i < 60; i++) {
            file.lora("m" + i, 8, 16).magnitude("m" + i, i % 2 == 0 ? new long[] {8, 1} : new long[] {1, 16});
        }
        assertThat(classify(file).contradicting()).hasSize(20);
    }

    @Test
    void aMagnitudeThatFitsNeitherAxisDoesNotVote() {
        CheckpointVerdict verdict = classify(new Adapters()
                .lora("a", 8, 16)
                .magnitude("a", 7, 1)
                .lora("b", 8, 16)
                .magnitude("b", 1, 16));
        assertThat(verdict.axis()).isEqualTo(CheckpointAxis.INPUT);
        assertThat(verdict.doraModules()).isEqualTo(2);
        assertThat(verdict.resolved(verdict.modules().get(0))).isEqualTo(ModuleAxis.INVALID);
        assertThat(verdict.findings())
                .containsExactly(new Finding(
                        INVALID_MAGNITUDE,
                        "1 modules, such as a: magnitude [7, 1] on out 8, in 16: its rows are not the"
                                + " layer's outputs"));
    }

    @Test
    void onlyMagnitudesThatFitNeitherAxisLeaveItOpen() {
        assertThat(classify(new Adapters().lora("a", 8, 16).magnitude("a", 7, 1))
                        .axis())
                .isEqualTo(CheckpointAxis.AMBIGUOUS);
    }

    @Test
    void squareConvolutionsOfAFileWithRenamedOnesResolveToTheOutputAxis() {
        CheckpointVerdict verdict = classify(new Adapters()
                .lora("a", 64, 64, 3, 3)
                .magnitude("a", 1, 64, 1, 1)
                .lora("b", 64, 16, 3, 3)
                .magnitude("b", 1, 64, 1, 1)
                .lora("c", 32, 32)
                .magnitude("c", 32));
        assertThat(verdict.axis()).isEqualTo(CheckpointAxis.OUTPUT);
        assertThat(verdict.ambiguousModules()).isEqualTo(2);
        assertThat(verdict.modules())
                .allSatisfy(module -> assertThat(verdict.resolved(module)).isEqualTo(ModuleAxis.OUTPUT));
    }

    @Test
    void negativeMagnitudesOnTheInputAxisAreASignedMean() {
        Adapters file = new Adapters()
                .lora("a", 8, 3)
                .values("a.dora_scale", Shape.of(1, 3), 0.5f, -0.25f, 0)
                .lora("b", 8, 3)
                .values("b.dora_scale", Shape.of(1, 3), 0.5f, 0.25f, -0.0f);
        assertThat(classify(file).findings())
                .containsExactly(new Finding(LEGACY_SIGNED_MEAN, "negative magnitudes, which no norm has: a"));
    }

    @Test
    void negativeMagnitudesOnTheOutputAxisAreNoSignedMean() {
        Adapters file = new Adapters().lora("a", 3, 8).values("a.dora_scale", Shape.of(3, 1), -1, -1, -1);
        assertThat(classify(file).findings()).isEmpty();
    }

    @Test
    void aFlatMagnitudeOverTheInputsHasNoKnownProducer() {
        CheckpointVerdict verdict = classify(new Adapters().lora("a", 8, 16).magnitude("a", 16));
        assertThat(verdict.axis()).isEqualTo(CheckpointAxis.INPUT);
        assertThat(verdict.findings())
                .containsExactly(new Finding(
                        UNKNOWN_PRODUCER,
                        "a and others: a flat magnitude over the inputs, which no known program writes"));
    }

    @Test
    void noModulesHaveNoAxis() {
        AdapterIndex empty = new Adapters().adapter();
        assertThat(AxisClassifier.classify(empty.modules(), empty.claims(), TensorData.NONE)
                        .axis())
                .isEqualTo(CheckpointAxis.NONE);
    }

    private static Adapters input() {
        return new Adapters().lora("a", 8, 16).magnitude("a", 1, 16);
    }

    private static CheckpointVerdict classify(Adapters file) {
        AdapterIndex adapter = file.adapter();
        return AxisClassifier.classify(adapter.modules(), adapter.claims(), file.data());
    }
}

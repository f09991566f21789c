package io.doraxis.dora;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.dora.VerdictChecker.Labelled;
import io.doraxis.fixtures.Adapters;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The classifier on many made files, and the checker on doctored truth: it sees every kind of error. */
class VerdictCheckerTest {
    private static final long[] SIZES = {16, 64, 320, 768, 1280, 3072};

    @Test
    void theClassifierMakesNoErrorOnFilesOfOneAxis() {
        List<Labelled> files = files(new Random(7), 2_000);
        VerdictChecker score = VerdictChecker.score(files);
        assertThat(score)
                .isEqualTo(new VerdictChecker(
                        files.stream().mapToInt(file -> file.truth().size()).sum(), 0, 0, 0));
    }

    @Test
    void theCheckerSeesASilentError() {
        VerdictChecker score = VerdictChecker.score(List.of(doctored(ModuleAxis.INPUT, 8, 1)));
        assertThat(score).isEqualTo(new VerdictChecker(0, 1, 0, 0));
    }

    @Test
    void theCheckerSeesAVerdictThatIsMissing() {
        Labelled flat = new Labelled(new Adapters().lora("m", 16, 16).magnitude("m", 16), List.of(ModuleAxis.OUTPUT));
        assertThat(VerdictChecker.score(List.of(flat))).isEqualTo(new VerdictChecker(0, 0, 1, 0));
    }

    @Test
    void theCheckerSeesAVerdictWithoutGround() {
        VerdictChecker score = VerdictChecker.score(List.of(doctored(ModuleAxis.AMBIGUOUS, 8, 1)));
        assertThat(score).isEqualTo(new VerdictChecker(0, 0, 0, 1));
    }

    @Test
    void theCheckerCountsEveryDoctoredModule() {
        List<Labelled> files = files(new Random(8), 300);
        int modules = 0;
        List<Labelled> doctored = new ArrayList<>();
        for (Labelled file : files) {
            modules += file.truth().size();
            doctored.add(new Labelled(
                    file.file(),
                    file.truth().stream().map(VerdictCheckerTest::other).toList()));
        }
        assertThat(VerdictChecker.score(doctored)).isEqualTo(new VerdictChecker(0, modules, 0, 0));
    }

    private static Labelled doctored(ModuleAxis truth, long... magnitude) {
        return new Labelled(new Adapters().lora("m", 8, 16).magnitude("m", magnitude), List.of(truth));
    }

    private static ModuleAxis other(ModuleAxis axis) {
        return axis == ModuleAxis.INPUT ? ModuleAxis.OUTPUT : ModuleAxis.INPUT;
    }

    /** Files as LyCORIS, OneTrainer and PEFT write them; one layer at least is rectangular. */
    private static List<Labelled> files(Random random, int count) {
        List<Labelled> files = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            boolean flat = random.nextInt(3) == 0; // renamed from PEFT: flat, convolutions [1, out, 1, 1]
            ModuleAxis axis = flat || random.nextBoolean() ? ModuleAxis.OUTPUT : ModuleAxis.INPUT;
            Adapters file = new Adapters().lora("first", 8, 24, 3, 3);
            file.magnitude("first", convolution(axis, flat, 8, 24));
            List<ModuleAxis> truth = new ArrayList<>(List.of(axis));
            for (int m = random.nextInt(6); m > 0; m--) {
                long out = SIZES[random.nextInt(SIZES.length)];
                long in = SIZES[random.nextInt(SIZES.length)];
                boolean conv = random.nextBoolean();
                if (conv) {
                    file.lora("m" + m, out, in, 3, 3).magnitude("m" + m, convolution(axis, flat, out, in));
                } else {
                    file.lora("m" + m, out, in).magnitude("m" + m, linear(axis, flat, out, in));
                }
                truth.add(axis);
            }
            files.add(new Labelled(file, truth));
        }
        return files;
    }

    private static long[] linear(ModuleAxis axis, boolean flat, long out, long in) {
        if (flat) {
            return new long[] {out};
        }
        return axis == ModuleAxis.OUTPUT ? new long[] {out, 1} : new long[] {1, in};
    }

    private static long[] convolution(ModuleAxis axis, boolean flat, long out, long in) {
        if (flat) {
            return new long[] {1, out, 1, 1};
        }
        return axis == ModuleAxis.OUTPUT ? new long[] {out, 1, 1, 1} : new long[] {1, in, 1, 1};
    }
}

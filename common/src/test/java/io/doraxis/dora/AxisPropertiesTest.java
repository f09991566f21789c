package io.doraxis.dora;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.fixtures.Adapters;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Assume;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;

class AxisPropertiesTest {
    private static final long[] DIMS = {1, 3, 8, 16, 24};

    @Property(tries = 1000, seed = "3101")
    void aRectangularFlatMagnitudeIsAlwaysDecided(
            @ForAll @LongRange(min = 2, max = 1L << 40) long out, @ForAll @LongRange(min = 2, max = 1L << 40) long in) {
        Assume.that(in != out);
        assertThat(axis(new Adapters().lora("m", out, in).magnitude("m", in))).isEqualTo(ModuleAxis.INPUT);
        assertThat(axis(new Adapters().lora("m", out, in).magnitude("m", out))).isEqualTo(ModuleAxis.OUTPUT);
    }

    @Property(tries = 1000, seed = "3102")
    void thePositionOfTheLongDimensionDecidesOnEveryLinearLayer(
            @ForAll @LongRange(min = 2, max = 1L << 40) long out, @ForAll @LongRange(min = 2, max = 1L << 40) long in) {
        assertThat(axis(new Adapters().lora("m", out, in).magnitude("m", 1, in)))
                .isEqualTo(ModuleAxis.INPUT);
        assertThat(axis(new Adapters().lora("m", out, in).magnitude("m", out, 1)))
                .isEqualTo(ModuleAxis.OUTPUT);
    }

    @Property(tries = 2000, seed = "3103")
    void theOrderOfTheModulesChangesNothing(@ForAll long seed, @ForAll @IntRange(min = 1, max = 8) int count) {
        Random random = new Random(seed);
        Adapters file = anything(random, count);
        AdapterIndex adapter = file.adapter();
        List<AdapterModule> shuffled = new ArrayList<>(adapter.modules());
        Collections.shuffle(shuffled, random);
        CheckpointVerdict one = AxisClassifier.classify(adapter.modules(), adapter.claims(), file.data());
        CheckpointVerdict two = AxisClassifier.classify(shuffled, adapter.claims(), file.data());
        assertThat(two.axis()).isEqualTo(one.axis());
        assertThat(two.confidence()).isEqualTo(one.confidence());
        assertThat(two.evidence()).isEqualTo(one.evidence());
        assertThat(two.ambiguousModules()).isEqualTo(one.ambiguousModules());
        assertThat(new HashSet<>(two.contradicting())).isEqualTo(new HashSet<>(one.contradicting()));
        for (int i = 0; i < shuffled.size(); i++) {
            int before = adapter.modules().indexOf(shuffled.get(i));
            assertThat(two.modules().get(i)).isEqualTo(one.modules().get(before));
        }
    }

    @Property(tries = 2000, seed = "3104")
    void noMagnitudeIsDecidedAgainstItsOwnLength(@ForAll long seed) {
        Adapters file = anything(new Random(seed), 1);
        AdapterModule module = file.module();
        ModuleVerdict verdict = ModuleClassifier.classify(module, false);
        long length = module.magnitude().shape().elements();
        if (verdict.axis() == ModuleAxis.INPUT) {
            assertThat(length).isEqualTo(module.in());
        } else if (verdict.axis() == ModuleAxis.OUTPUT) {
            assertThat(length).isEqualTo(module.out());
        } else {
            assertThat(verdict.detail()).isNotEmpty();
        }
    }

    @Property(tries = 1000, seed = "3105")
    void metadataNeverChangeTheAxis(@ForAll long seed, @ForAll boolean claim) {
        Adapters plain = anything(new Random(seed), 3);
        Adapters claiming = anything(new Random(seed), 3)
                .metadata("ss_network_args", "{\"wd_on_output\":" + claim + "}")
                .metadata("ss_training_finished_at", claim ? "1" : "1800000000");
        assertThat(classify(claiming).axis()).isEqualTo(classify(plain).axis());
        assertThat(classify(claiming).modules()).isEqualTo(classify(plain).modules());
    }

    private static Adapters anything(Random random, int count) {
        Adapters file = new Adapters();
        for (int i = 0; i < count; i++) {
            long out = dim(random);
            long in = dim(random);
            boolean conv = random.nextBoolean();
            file.lora("m" + i, out, in, conv ? new long[] {3, 3} : new long[0]);
            long length = random.nextInt(5) == 0 ? dim(random) : random.nextBoolean() ? out : in;
            file.magnitude(
                    "m" + i,
                    switch (random.nextInt(3)) {
                        case 0 -> new long[] {length};
                        case 1 -> conv ? new long[] {1, length, 1, 1} : new long[] {1, length};
                        default -> conv ? new long[] {length, 1, 1, 1} : new long[] {length, 1};
                    });
        }
        return file;
    }

    private static long dim(Random random) {
        return DIMS[random.nextInt(DIMS.length)];
    }

    private static CheckpointVerdict classify(Adapters file) {
        AdapterIndex adapter = file.adapter();
        return AxisClassifier.classify(adapter.modules(), adapter.claims(), file.data());
    }

    private static ModuleAxis axis(Adapters file) {
        return ModuleClassifier.classify(file.module(), false).axis();
    }
}

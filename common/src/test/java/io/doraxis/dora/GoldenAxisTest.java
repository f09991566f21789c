package io.doraxis.dora;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Algorithm;
import io.doraxis.fixtures.GoldenCase;
import io.doraxis.fixtures.Json;
import java.util.List;
import java.util.Map;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Adapters saved by the real LyCORIS 4.1.3 and PEFT 0.21.2: what they are is known from how they were made. */
class GoldenAxisTest {
    private static final Map<String, Algorithm> ALGORITHMS = Map.ofEntries(
            Map.entry("locon", Algorithm.LORA),
            Map.entry("lora", Algorithm.LORA),
            Map.entry("dylora", Algorithm.LORA),
            Map.entry("loha", Algorithm.LOHA),
            Map.entry("lokr", Algorithm.LOKR),
            Map.entry("full", Algorithm.FULL),
            Map.entry("norm", Algorithm.NORM),
            Map.entry("glora", Algorithm.GLORA),
            Map.entry("ia3", Algorithm.IA3),
            Map.entry("diag-oft", Algorithm.OFT),
            Map.entry("boft", Algorithm.BOFT),
            Map.entry("tlora", Algorithm.TLORA));

    /** A case with all that is read of it. */
    private record Golden(GoldenCase made, Json truth, AdapterIndex adapter, CheckpointVerdict verdict) {
        static Golden load(String name) throws Exception {
            GoldenCase made = GoldenCase.of(name);
            AdapterIndex adapter = made.adapter();
            return new Golden(
                    made,
                    made.truth(),
                    adapter,
                    AxisClassifier.classify(adapter.modules(), adapter.claims(), made.data()));
        }

        int position(Json module) {
            return made.position(adapter, module);
        }
    }

    static List<String> cases() {
        return GoldenCase.names();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void theCheckpointsAxisIsTheOneItWasTrainedWith(String name) throws Exception {
        Golden golden = Golden.load(name);
        assertThat(golden.verdict.axis()).hasToString(golden.truth.get("axis").text());
    }

    @ParameterizedTest
    @MethodSource("cases")
    void everyModuleHasItsAlgorithmAndAxis(String name) throws Exception {
        Golden golden = Golden.load(name);
        for (Json module : golden.truth.get("modules").items()) {
            String algorithm = module.get("algo").text();
            if (!algorithm.equals("modules_to_save")) {
                int position = golden.position(module);
                assertThat(golden.adapter.modules().get(position).algorithm())
                        .as(module.get("path").text())
                        .isEqualTo(ALGORITHMS.get(algorithm));
                String axis =
                        module.keys().contains("axis") ? module.get("axis").text() : "NONE";
                assertThat(golden.verdict.modules().get(position).axis())
                        .as(module.get("path").text())
                        .hasToString(axis);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void everyProductHasItsRankAlphaAndScale(String name) throws Exception {
        Golden golden = Golden.load(name);
        for (Json module : golden.truth.get("modules").items()) {
            boolean product = List.of("locon", "lora", "loha", "lokr")
                    .contains(module.get("algo").text());
            if (product && module.has("scale")) {
                AdapterModule read = golden.adapter.modules().get(golden.position(module));
                isNear(read.scale(), module.get("scale"), name + " " + read.name() + " scale");
                if (module.has("rank")) {
                    assertThat(read.rank()).as(name + " " + read.name()).isEqualTo((int)
                            module.get("rank").number());
                }
                if (module.has("alpha")) {
                    isNear(read.alpha(), module.get("alpha"), name + " " + read.name() + " alpha");
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void thereAreAsManyModulesAsWereTrained(String name) throws Exception {
        Golden golden = Golden.load(name);
        long trained = golden.truth.get("modules").items().stream()
                .filter(module -> !module.get("algo").text().equals("modules_to_save"))
                .count();
        int unknown = golden.truth.keys().contains("unknown_adapter_groups")
                ? golden.truth.get("unknown_adapter_groups").items().size()
                : 0;
        assertThat(golden.adapter.modules()).hasSize((int) trained + unknown);
        assertThat(golden.verdict.modules()).hasSameSizeAs(golden.adapter.modules());
    }

    @ParameterizedTest
    @MethodSource("cases")
    void theLayersDimensionsAreTheBasesWhereTheFactorsTell(String name) throws Exception {
        Golden golden = Golden.load(name);
        for (Json module : golden.truth.get("modules").items()) {
            boolean product =
                    List.of("locon", "loha", "lokr").contains(module.get("algo").text());
            if (product && module.has("weight_shape") && name.indexOf("peft") < 0) {
                AdapterModule read = golden.adapter.modules().get(golden.position(module));
                long[] weight = module.get("weight_shape").dims();
                long kernel = 1;
                for (int i = 2; i < weight.length; i++) {
                    kernel *= weight[i];
                }
                assertThat(read.out()).as(read.name()).isEqualTo(weight[0]);
                assertThat(read.in()).as(read.name()).isIn(weight[1], weight[1] * kernel);
            }
        }
    }

    @Test
    void wrongMetadataChangeNoAxisAndAreReported() throws Exception {
        CheckpointVerdict verdict = Golden.load("kohya_contradictory_metadata").verdict;
        assertThat(verdict.axis()).isEqualTo(CheckpointAxis.INPUT);
        assertThat(verdict.confidence()).isEqualTo(Confidence.PROVEN);
        assertThat(verdict.claimConflicts())
                .containsExactly("ss_network_args.wd_on_output says OUTPUT, the shapes prove INPUT");
    }

    @Test
    void metadataAloneDecideNothing() throws Exception {
        CheckpointVerdict verdict = Golden.load("kohya_square_1d_metadata_in").verdict;
        assertThat(verdict.axis()).isEqualTo(CheckpointAxis.AMBIGUOUS);
        assertThat(verdict.confidence()).isEqualTo(Confidence.UNKNOWN);
    }

    @Test
    void squareModulesFollowTheOthers() throws Exception {
        CheckpointVerdict verdict = Golden.load("partly_square_1d").verdict;
        assertThat(verdict.ambiguousModules()).isPositive();
        assertThat(verdict.modules())
                .allSatisfy(module -> assertThat(verdict.resolved(module)).isEqualTo(ModuleAxis.INPUT));
    }

    @Test
    void thereAreCases() {
        assertThat(cases()).hasSizeGreaterThan(60);
    }

    private static void isNear(Double actual, Json expected, String what) {
        double number = expected.number();
        assertThat(actual).as(what).isCloseTo(number, Offset.offset(1e-5 * Math.max(1, Math.abs(number))));
    }
}

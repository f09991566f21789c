package io.doraxis.dora;

import static io.doraxis.tensorfile.Finding.Code.CLAIM_CONFLICT;
import static io.doraxis.tensorfile.Finding.Code.INVALID_MAGNITUDE;
import static io.doraxis.tensorfile.Finding.Code.LEGACY_SIGNED_MEAN;
import static io.doraxis.tensorfile.Finding.Code.MIXED_AXES;
import static io.doraxis.tensorfile.Finding.Code.UNKNOWN_PRODUCER;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Magnitude;
import io.doraxis.adapter.MetadataClaims;
import io.doraxis.tensorfile.ElementValue;
import io.doraxis.tensorfile.Finding;
import io.doraxis.tensorfile.TensorData;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The axis of a checkpoint from all of its modules. Shapes decide; metadata corroborates or conflicts, and never
 * decides; where nothing decides the verdict is AMBIGUOUS.
 */
public final class AxisClassifier {
    private static final int NAMES_KEPT = 20;

    /** LyCORIS 2.3.0.dev2 of that day replaced the signed mean by a norm (commit 90690a6). */
    private static final Instant MEAN_BECAME_NORM = Instant.parse("2024-03-16T00:00:00Z");

    private AxisClassifier() {}

    /** @param data for the magnitudes' signs, where they are in memory */
    public static CheckpointVerdict classify(List<AdapterModule> modules, MetadataClaims claims, TensorData data) {
        boolean renamedPeftConvs = false;
        for (AdapterModule module : modules) {
            renamedPeftConvs |= ModuleClassifier.showsRenamedPeftConv(module);
        }
        List<ModuleVerdict> verdicts = new ArrayList<>(modules.size());
        for (AdapterModule module : modules) {
            verdicts.add(ModuleClassifier.classify(module, renamedPeftConvs));
        }
        return new Ballot(modules, verdicts, claims, data).verdict();
    }

    /** The count of the modules' votes. */
    private static final class Ballot {
        private final List<AdapterModule> modules;
        private final List<ModuleVerdict> verdicts;
        private final MetadataClaims claims;
        private final TensorData data;
        private final Map<ModuleAxis, Integer> votes = new EnumMap<>(ModuleAxis.class);
        private final List<Finding> findings = new ArrayList<>();
        private final List<String> conflicts = new ArrayList<>();

        Ballot(List<AdapterModule> modules, List<ModuleVerdict> verdicts, MetadataClaims claims, TensorData data) {
            this.modules = modules;
            this.verdicts = verdicts;
            this.claims = claims;
            this.data = data;
            for (ModuleVerdict verdict : verdicts) {
                votes.merge(verdict.axis(), 1, Integer::sum);
            }
        }

        private int count(ModuleAxis axis) {
            return votes.getOrDefault(axis, 0);
        }

        CheckpointVerdict verdict() {
            int doraModules = modules.size() - count(ModuleAxis.NONE);
            CheckpointAxis axis = axis(doraModules);
            List<Evidence> evidence = evidence();
            Confidence confidence = confront(axis, evidence);
            List<String> contradicting = axis == CheckpointAxis.MIXED ? minority() : List.of();
            warn(axis);
            return new CheckpointVerdict(
                    axis,
                    confidence,
                    List.copyOf(evidence),
                    verdicts,
                    doraModules,
                    count(ModuleAxis.AMBIGUOUS),
                    contradicting,
                    List.copyOf(conflicts),
                    List.copyOf(findings));
        }

        private CheckpointAxis axis(int doraModules) {
            if (doraModules == 0) {
                return CheckpointAxis.NONE;
            }
            boolean input = count(ModuleAxis.INPUT) > 0;
            boolean output = count(ModuleAxis.OUTPUT) > 0;
            if (input && output) {
                return CheckpointAxis.MIXED;
            }
            return input ? CheckpointAxis.INPUT : output ? CheckpointAxis.OUTPUT : CheckpointAxis.AMBIGUOUS;
        }

        private List<Evidence> evidence() {
            Map<ModuleAxis, Map<Evidence.Kind, Integer>> counts = new EnumMap<>(ModuleAxis.class);
            for (ModuleVerdict verdict : verdicts) {
                if (verdict.axis() != ModuleAxis.NONE) {
                    counts.computeIfAbsent(verdict.axis(), axis -> new EnumMap<>(Evidence.Kind.class))
                            .merge(verdict.evidence(), 1, Integer::sum);
                }
            }
            List<Evidence> evidence = new ArrayList<>();
            counts.forEach((axis, kinds) ->
                    kinds.forEach((kind, count) -> evidence.add(new Evidence(kind, count, axis.name()))));
            return evidence;
        }

        /** Holds the metadata against the shapes. */
        private Confidence confront(CheckpointAxis axis, List<Evidence> evidence) {
            Optional<AxisClaim> claim = AxisClaim.of(claims, modules);
            boolean decided = axis == CheckpointAxis.INPUT || axis == CheckpointAxis.OUTPUT;
            claims.get("adapter_config.use_dora")
                    .filter(useDora -> useDora.equals("false") && axis != CheckpointAxis.NONE)
                    .ifPresent(useDora ->
                            conflict("adapter_config.use_dora", "false", "magnitudes are present", evidence));
            if (claim.isPresent() && axis != CheckpointAxis.NONE) {
                AxisClaim made = claim.get();
                boolean agrees = made.axis() == axis;
                if (decided && agrees) {
                    evidence.add(new Evidence(Evidence.Kind.METADATA_AGREES, 1, made.source()));
                    return Confidence.CORROBORATED;
                }
                if (decided || axis == CheckpointAxis.MIXED) {
                    conflict(made.source(), made.axis().name(), "the shapes prove " + axis, evidence);
                }
            }
            return axis == CheckpointAxis.AMBIGUOUS ? Confidence.UNKNOWN : Confidence.PROVEN;
        }

        private void conflict(String source, String claimed, String shapes, List<Evidence> evidence) {
            String text = source + " says " + claimed + ", " + shapes;
            conflicts.add(text);
            findings.add(new Finding(CLAIM_CONFLICT, text));
            evidence.add(new Evidence(Evidence.Kind.METADATA_CONFLICTS, 1, source));
        }

        private List<String> minority() {
            ModuleAxis fewer =
                    count(ModuleAxis.INPUT) < count(ModuleAxis.OUTPUT) ? ModuleAxis.INPUT : ModuleAxis.OUTPUT;
            return names(fewer);
        }

        private List<String> names(ModuleAxis axis) {
            List<String> names = new ArrayList<>();
            for (int i = 0; i < verdicts.size() && names.size() < NAMES_KEPT; i++) {
                if (verdicts.get(i).axis() == axis) {
                    names.add(modules.get(i).name());
                }
            }
            return names;
        }

        private void warn(CheckpointAxis axis) {
            if (count(ModuleAxis.INVALID) > 0) {
                findings.add(new Finding(INVALID_MAGNITUDE, example(ModuleAxis.INVALID)));
            }
            if (axis == CheckpointAxis.MIXED) {
                findings.add(new Finding(
                        MIXED_AXES,
                        count(ModuleAxis.INPUT) + " modules on the input axis, " + count(ModuleAxis.OUTPUT)
                                + " on the output axis"));
            }
            warnOfFlatInputs();
            warnOfSignedMeans();
        }

        private String example(ModuleAxis axis) {
            for (int i = 0; i < verdicts.size(); i++) {
                if (verdicts.get(i).axis() == axis) {
                    return "%d modules, such as %s: %s"
                            .formatted(
                                    count(axis),
                                    modules.get(i).name(),
                                    verdicts.get(i).detail());
                }
            }
            return "";
        }

        private void warnOfFlatInputs() {
            for (int i = 0; i < verdicts.size(); i++) {
                ModuleVerdict verdict = verdicts.get(i);
                if (verdict.axis() == ModuleAxis.INPUT && verdict.evidence() == Evidence.Kind.FLAT_LENGTH) {
                    findings.add(new Finding(
                            UNKNOWN_PRODUCER,
                            modules.get(i).name() + " and others: a flat magnitude over the inputs, which no known"
                                    + " program writes"));
                    return;
                }
            }
        }

        /** LyCORIS up to 2.3.0.dev1 stored a signed mean over the outputs, on the input axis. */
        private void warnOfSignedMeans() {
            List<String> negative = new ArrayList<>();
            int inputs = 0;
            for (int i = 0; i < verdicts.size(); i++) {
                if (verdicts.get(i).axis() == ModuleAxis.INPUT) {
                    inputs++;
                    AdapterModule module = modules.get(i);
                    if (negative.size() < NAMES_KEPT && hasNegative(module.magnitude())) {
                        negative.add(module.name());
                    }
                }
            }
            if (!negative.isEmpty()) {
                findings.add(new Finding(
                        LEGACY_SIGNED_MEAN, "negative magnitudes, which no norm has: " + String.join(", ", negative)));
            } else if (inputs > 0
                    && claims.trainedAt()
                            .filter(at -> at.isBefore(MEAN_BECAME_NORM))
                            .isPresent()) {
                findings.add(new Finding(
                        LEGACY_SIGNED_MEAN,
                        "trained before 2024-03-16, when LyCORIS stored a signed mean in place of a norm"));
            }
        }

        private boolean hasNegative(Magnitude magnitude) {
            Optional<ByteBuffer> bytes = data.bytes(magnitude.tensor());
            if (bytes.isEmpty()) {
                return false;
            }
            return ElementValue.hasNegative(magnitude.tensor().dtype(), bytes.get());
        }
    }
}

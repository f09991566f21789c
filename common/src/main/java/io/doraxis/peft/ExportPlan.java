package io.doraxis.peft;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.merge.MergePlan;
import io.doraxis.tensorfile.TensorInfo;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What becomes of an adapter in PEFT's layout.
 *
 * @param outcome the best that it can be
 * @param reason why not better; what it becomes where it is written
 * @param refusal why nothing is written; null where something is, or the adapter's own files are copied
 * @param adapters that are written, in the order in which they are loaded
 * @param done modules by what they became
 * @param directions whose norms are needed, or must not be zero
 * @param merge of the base's tensors that are written whole; null without a base
 * @param unmatched names of the adapter that have no place in the base
 * @param file that is written in place of adapters; null in PEFT's layout
 * @param lossy layers that are only nearly what they were
 */
public record ExportPlan(
        ExportOutcome outcome,
        String reason,
        Refusal refusal,
        List<PeftAdapter> adapters,
        Map<String, Integer> done,
        List<Direction> directions,
        MergePlan merge,
        List<String> unmatched,
        SingleFile file,
        Approximations lossy) {

    /** Why an adapter is not exported as asked. Stored in the exports table: never renamed. */
    public enum Refusal {
        /** PEFT's layout cannot hold it. */
        NOT_EXPRESSIBLE,
        /** It is exact only in a form that needs the base's weights: {@code --base}. */
        NEEDS_BASE_WEIGHTS,
        /** Its names are flattened, and only the base tells the paths: {@code --base}. */
        NEEDS_BASE_NAMES,
        /** DoRA on the input axis: {@code --input-axis} chooses an exact form. */
        INPUT_AXIS,
        /** A magnitude's axis is open: {@code --assume-axis} decides. */
        AXIS_AMBIGUOUS,
        /** A weight of the base has another shape than the factors give. */
        SHAPE_MISMATCH
    }

    /** A module whose base weight with its delta weight is divided by norms along an axis. */
    public record Direction(AdapterModule module, ModuleAxis axis, TensorInfo weight) {}

    public ExportPlan {
        adapters = List.copyOf(adapters);
        done = new TreeMap<>(done);
        directions = List.copyOf(directions);
        unmatched = List.copyOf(unmatched);
    }

    static ExportPlan refused(ExportOutcome outcome, Refusal refusal, String reason, List<String> unmatched) {
        return new ExportPlan(
                outcome, reason, refusal, List.of(), Map.of(), List.of(), null, unmatched, null, Approximations.NONE);
    }

    /** It has the layout that was asked for: its own files are copied. */
    static ExportPlan notNeeded(String reason) {
        return new ExportPlan(
                ExportOutcome.NOT_NEEDED,
                reason,
                null,
                List.of(),
                Map.of(),
                List.of(),
                null,
                List.of(),
                null,
                Approximations.NONE);
    }

    /** All that are written. */
    public List<PeftTensor> tensors() {
        return file != null
                ? file.tensors()
                : adapters.stream()
                        .flatMap(adapter -> adapter.tensors().stream())
                        .toList();
    }

    /** What was done, in one line. */
    public String summary() {
        return done.entrySet().stream()
                .map(entry -> entry.getValue() + " " + entry.getKey())
                .collect(Collectors.joining(", "));
    }

    /** Size of the tensors that are written. */
    public long bytes() {
        return tensors().stream().mapToLong(PeftTensor::bytes).sum();
    }
}

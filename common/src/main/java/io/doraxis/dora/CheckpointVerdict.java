package io.doraxis.dora;

import io.doraxis.tensorfile.Finding;
import java.util.ArrayList;
import java.util.List;

/**
 * The axis of a checkpoint's weight decomposition, with all that it rests on.
 *
 * @param modules one verdict per module, in the modules' order
 * @param contradicting modules of the minority in a MIXED checkpoint, a few of them
 * @param claimConflicts what the metadata says against the shapes
 */
public record CheckpointVerdict(
        CheckpointAxis axis,
        Confidence confidence,
        List<Evidence> evidence,
        List<ModuleVerdict> modules,
        int doraModules,
        int ambiguousModules,
        List<String> contradicting,
        List<String> claimConflicts,
        List<Finding> findings) {

    /** The same with another axis and confidence, and the evidence for them. */
    CheckpointVerdict with(CheckpointAxis otherAxis, Confidence otherConfidence, Evidence more) {
        List<Evidence> all = new ArrayList<>(evidence);
        all.add(more);
        return new CheckpointVerdict(
                otherAxis,
                otherConfidence,
                List.copyOf(all),
                modules,
                doraModules,
                ambiguousModules,
                contradicting,
                claimConflicts,
                findings);
    }

    /** A module's axis with the rest of the checkpoint's evidence: every known writer uses one axis for all layers. */
    public ModuleAxis resolved(ModuleVerdict module) {
        if (module.axis() != ModuleAxis.AMBIGUOUS) {
            return module.axis();
        }
        return switch (axis) {
            case INPUT -> ModuleAxis.INPUT;
            case OUTPUT -> ModuleAxis.OUTPUT;
            case MIXED, AMBIGUOUS, NONE -> ModuleAxis.AMBIGUOUS;
        };
    }
}

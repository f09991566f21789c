package io.doraxis.dora;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.fixtures.Adapters;
import java.util.List;

/**
 * Scores the classifier's verdicts against files whose truth is known by construction.
 *
 * @param right modules with the axis that they were made with
 * @param wrong modules with the other axis: a silent error
 * @param undecided modules that have an axis and got none
 * @param overclaimed modules that got an axis and have none, or that cannot be told
 */
record VerdictChecker(int right, int wrong, int undecided, int overclaimed) {
    /** A file and the axis of each of its modules, in their order. */
    record Labelled(Adapters file, List<ModuleAxis> truth) {}

    static VerdictChecker score(List<Labelled> files) {
        int right = 0;
        int wrong = 0;
        int undecided = 0;
        int overclaimed = 0;
        for (Labelled labelled : files) {
            AdapterIndex adapter = labelled.file.adapter();
            CheckpointVerdict verdict =
                    AxisClassifier.classify(adapter.modules(), adapter.claims(), labelled.file.data());
            for (int i = 0; i < labelled.truth.size(); i++) {
                ModuleAxis told = verdict.resolved(verdict.modules().get(i));
                ModuleAxis truth = labelled.truth.get(i);
                if (told == truth) {
                    right++;
                } else if (!isDecided(told)) {
                    undecided++;
                } else if (isDecided(truth)) {
                    wrong++;
                } else {
                    overclaimed++;
                }
            }
        }
        return new VerdictChecker(right, wrong, undecided, overclaimed);
    }

    private static boolean isDecided(ModuleAxis axis) {
        return axis == ModuleAxis.INPUT || axis == ModuleAxis.OUTPUT;
    }
}

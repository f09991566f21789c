package io.doraxis.peft;

/** What came of looking for a form within an error. */
public sealed interface LossyOutcome {
    /** The first form within the error, at the least rank found. */
    record Fitted(LossyFit fit) implements LossyOutcome {}

    /** None is within it: the nearest one. */
    record Refused(LossyFit nearest) implements LossyOutcome {}
}

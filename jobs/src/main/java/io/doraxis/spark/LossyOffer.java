package io.doraxis.spark;

import io.doraxis.peft.Approximations;
import io.doraxis.peft.ExportChoices;
import io.doraxis.peft.ExportPlan;
import io.doraxis.peft.InputAxis;
import io.doraxis.peft.LossyErrors;
import io.doraxis.peft.LossyLimits;
import java.util.Optional;

/**
 * How far off a lossy form would be, of an export that was refused for its input axis: the form that keeps the factors,
 * which is measured without a decomposition. It takes reading the base's weights, so it is for one export, not for a hub.
 */
final class LossyOffer {
    private static final LossyLimits ANY = new LossyLimits(Double.POSITIVE_INFINITY, 1, true);

    private LossyOffer() {}

    /** What to ask for; empty where it was not refused for that. */
    static Optional<ExportRequest> request(ExportResult result) {
        ExportChoices choices = result.request().settings().choices();
        boolean isAsked = choices.inputAxis() == InputAxis.REFUSE
                && ExportPlan.Refusal.INPUT_AXIS.name().equals(result.code());
        if (!isAsked) {
            return Optional.empty();
        }
        ExportChoices lossy = new ExportChoices(InputAxis.LOW_RANK, choices.assumedAxis(), choices.layout(), ANY);
        return Optional.of(new ExportRequest(
                result.request().adapter(),
                result.request().base(),
                result.request().output(),
                result.request().settings().with(lossy)));
    }

    /** The refusal with the error. */
    static ExportResult added(ExportResult refused, ExportResult lossy) {
        boolean isRefitted = lossy.plan().keySet().stream()
                .filter(what -> what.contains(Approximations.LOSSY))
                .allMatch(what -> what.endsWith(Approximations.REFITTED));
        if (!isRefitted || lossy.relErrors().isEmpty()) {
            return refused;
        }
        return refused.saying(": then it is %s off, relative to what the adapter changes, and %s at most (%s)"
                .formatted(
                        LossyErrors.text(lossy.relError()),
                        LossyErrors.text(lossy.relErrors().get(lossy.relErrorLayer())),
                        lossy.relErrorLayer()));
    }
}

package io.doraxis.cli;

import io.doraxis.consumer.ConsumerRules;
import io.doraxis.consumer.Outcome;
import io.doraxis.spark.RunRecord;
import java.util.Arrays;
import java.util.Locale;

/**
 * What an audit is not to find.
 *
 * @param consumer null for any program
 */
record FailCondition(String consumer, Outcome outcome) {
    static FailCondition parse(String text) throws Doraxis.UsageException {
        int colon = text.indexOf(':');
        String consumer = colon < 0 ? null : text.substring(0, colon);
        if (consumer != null && !ConsumerRules.bundled().consumers().contains(consumer)) {
            throw new Doraxis.UsageException("--fail-on: no program '%s'; there are %s"
                    .formatted(
                            consumer, String.join(", ", ConsumerRules.bundled().consumers())));
        }
        String outcome = text.substring(colon + 1).toUpperCase(Locale.ROOT);
        try {
            return new FailCondition(consumer, Outcome.valueOf(outcome));
        } catch (IllegalArgumentException e) {
            throw new Doraxis.UsageException(
                    "--fail-on: no outcome '%s'; there are %s".formatted(outcome, Arrays.toString(Outcome.values())));
        }
    }

    boolean isMet(RunRecord record) {
        return record.outcomes(consumer, outcome.name()) > 0;
    }

    /** What was found, in a user's words. */
    String found(RunRecord record) {
        String program = consumer == null ? "" : consumer + ":";
        return "%s%s: %,d predictions".formatted(program, outcome, record.outcomes(consumer, outcome.name()));
    }
}

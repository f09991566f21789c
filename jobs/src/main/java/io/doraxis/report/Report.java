package io.doraxis.report;

import io.doraxis.consumer.Outcome;
import java.util.List;
import java.util.Map;

/**
 * One audit in numbers, of any size: what every format shows, and {@code --format json} prints as it is. Maps are in the order
 * in which they are shown.
 *
 * @param verdicts checkpoints by verdict, the worst first; they add up to all
 * @param algorithms adapters by algorithm and axis, the most frequent algorithm first
 * @param consumers what programs would do with the adapters, the most silently wrong first
 * @param families adapters by the base model that their layers fit; {@code unknown} for none
 * @param exports adapters by what they can be in PEFT's layout
 * @param errors checkpoints that could not be read, by code
 * @param trend all runs that ended, the oldest first
 * @param differences from the run before; null where there is none, or its table is not there any more
 */
public record Report(
        Run run,
        Map<Verdict, Long> verdicts,
        Map<String, Map<String, Long>> algorithms,
        List<Consumer> consumers,
        Map<String, Long> families,
        Map<String, Long> exports,
        List<Error> errors,
        List<Run> trend,
        Differences differences) {
    /** As reports list them: the worst first. */
    static final List<Outcome> OUTCOMES = List.of(
            Outcome.SILENTLY_WRONG,
            Outcome.PARTIAL,
            Outcome.REJECTS,
            Outcome.APPROXIMATE,
            Outcome.EXACT,
            Outcome.UNKNOWN);

    /** In the order of the report. */
    public List<String> programs() {
        return consumers.stream().map(Consumer::name).toList();
    }

    /**
     * A run that ended, as its record tells.
     *
     * @param silently_wrong adapters by program
     */
    public record Run(
            String run_id,
            String started_at,
            String tool_version,
            String rules_version,
            List<String> inputs,
            long checkpoints,
            long adapters,
            long unreadable,
            Map<String, Long> axes,
            Map<String, Long> silently_wrong) {}

    /**
     * What one program would do.
     *
     * @param outcomes adapters by outcome
     * @param rules why, the most frequent first
     */
    public record Consumer(String name, Map<String, Long> outcomes, List<Rule> rules) {
        public long count(String outcome) {
            return outcomes.getOrDefault(outcome, 0L);
        }
    }

    /**
     * One reason for an outcome.
     *
     * @param reason as one of the checkpoints has it
     */
    public record Rule(String rule, String outcome, long checkpoints, String reason) {}

    /** @param example the message of one of them */
    public record Error(String code, long checkpoints, String example) {}

    /** @param changes the worst first */
    public record Differences(
            String from_run, String from_rules_version, long appeared, long gone, List<Change> changes) {}

    /**
     * Checkpoints of both runs that changed alike.
     *
     * @param what a program, {@code axis} or {@code status}
     * @param same_files of how many the files are those of the run before, so that the rules or options made the change
     * @param examples names of the first few
     */
    public record Change(
            String what, String from, String to, long checkpoints, long same_files, List<String> examples) {}
}

package io.doraxis.spark;

import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import io.doraxis.catalog.Change;
import java.util.List;
import java.util.Map;

/**
 * One run, as {@code runs/<run_id>.json} tells it. Its totals come from the written tables; objects_listed and
 * objects_ignored from the listing, with which the tables agree, or there would be no record. They reconcile: {@code
 * objects_listed = objects_in_checkpoints + sum of objects_ignored}, {@code checkpoints = sum of statuses}.
 *
 * @param errors rows by error_code, those of checkpoints that were read in part too
 * @param findings warnings by code
 * @param requests of this run, each counted once, and {@code bytes_read} too: those of rows that were carried over are not in it
 * @param retries tries of those requests beyond the first; those of listings and writes are the stores' own
 * @param facts that were looked for, which rules may ask of its rows
 * @param previous null without one
 */
@JsonPropertyOrder(alphabetic = false)
public record RunRecord(
        String run_id,
        String tool_version,
        String rules_version,
        String spark_version,
        String started_at,
        double seconds,
        AuditOptions options,
        long objects_listed,
        long objects_in_checkpoints,
        Map<String, Long> objects_ignored,
        long checkpoints,
        Map<String, Long> statuses,
        Map<String, Long> kinds,
        Map<String, Long> axes,
        Map<String, Long> errors,
        Map<String, Long> findings,
        Map<String, Map<String, Long>> consumers,
        long modules,
        long requests,
        long bytes_read,
        long retries,
        List<String> facts,
        SincePrevious previous) {

    /**
     * What became of the checkpoints since the previous run: {@code checkpoints = NEW + CHANGED + UNCHANGED}.
     *
     * @param rules_version of that run; where it is another, predictions of rows that stand were made from their facts
     * @param carried_over unchanged ones whose rows stand; the others were read
     * @param read_again_because why none stands; null where they may
     */
    public record SincePrevious(
            String run_id,
            String rules_version,
            Map<Change, Long> changes,
            long carried_over,
            String read_again_because) {}

    /** Checkpoints to which a program does that; all programs together when it is null. */
    public long outcomes(String consumer, String outcome) {
        return consumers.entrySet().stream()
                .filter(entry -> consumer == null || entry.getKey().equals(consumer))
                .mapToLong(entry -> entry.getValue().getOrDefault(outcome, 0L))
                .sum();
    }

    /** Checkpoints of which the store refused or failed on a file, those that were read in part too. */
    public long storeErrors() {
        return RunTotals.storeErrors(errors);
    }

    /** Their share of all checkpoints. */
    public double storeErrorShare() {
        return checkpoints == 0 ? 0 : (double) storeErrors() / checkpoints;
    }
}

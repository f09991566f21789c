package io.doraxis.spark;

import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.util.List;
import java.util.Map;

/**
 * One run, as {@code runs/<run_id>.json} tells it. Its totals come from the committed tables and reconcile: {@code
 * objects_listed = objects_in_checkpoints + sum of objects_ignored}, {@code checkpoints = sum of statuses}.
 *
 * @param findings warnings by code
 * @param retries null: the stores' own retries are not counted yet
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
        Long retries) {

    /** Rows of that status. */
    public long status(String status) {
        return statuses.getOrDefault(status, 0L);
    }

    /** Checkpoints to which a program does that; all programs together when it is null. */
    public long outcomes(String consumer, String outcome) {
        return consumers.entrySet().stream()
                .filter(entry -> consumer == null || entry.getKey().equals(consumer))
                .mapToLong(entry -> entry.getValue().getOrDefault(outcome, 0L))
                .sum();
    }

    /** The share of checkpoints that the store refused or failed on. */
    public double storeErrorShare() {
        return checkpoints == 0 ? 0 : (double) status("STORE_ERROR") / checkpoints;
    }

    /** The roots that were listed. */
    public List<String> inputs() {
        return options.inputs();
    }
}

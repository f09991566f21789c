package io.doraxis.spark;

import java.util.List;
import java.util.Map;

/**
 * What an atlas run did, as {@code runs/<run_id>.json}.
 *
 * @param files how many weight files were models, something else, or could not be read, to their end, and why
 * @param models of which the table has weights
 * @param bytes_read of the weights in the table
 */
public record AtlasRecord(
        String run_id,
        String tool_version,
        String started_at,
        double seconds,
        List<String> inputs,
        Map<String, Long> files,
        long models,
        long weights,
        long bytes_read) {

    /** Weight files that the store refused or failed on. */
    public long storeErrors() {
        return RunTotals.storeErrors(files);
    }
}

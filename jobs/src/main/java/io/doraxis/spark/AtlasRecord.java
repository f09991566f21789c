package io.doraxis.spark;

import java.util.List;
import java.util.Map;

/**
 * What an atlas run did, as {@code runs/<run_id>.json}.
 *
 * @param files how many weight files were models, something else, or could not be read and why
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
        long bytes_read) {}

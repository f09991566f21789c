package io.doraxis.spark;

import java.util.Map;

/**
 * The record of a run of merges, as {@code runs/<run_id>.json}.
 *
 * @param merges how many there were
 * @param statuses how many ended how
 */
public record MergeRecord(
        String run_id,
        String tool_version,
        String started,
        double seconds,
        String plan,
        long merges,
        Map<String, Long> statuses) {}

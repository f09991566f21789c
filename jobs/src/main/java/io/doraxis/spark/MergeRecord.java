package io.doraxis.spark;

import java.util.List;
import java.util.Map;

/**
 * The record of a run of merges, as {@code runs/<run_id>.json}.
 *
 * @param merges how many there were
 * @param statuses how many ended how
 * @param first_errors why some of those that were refused or failed were, a few of them
 */
public record MergeRecord(
        String run_id,
        String tool_version,
        String started_at,
        double seconds,
        String plan,
        long merges,
        Map<String, Long> statuses,
        List<String> first_errors) {}

package io.doraxis.spark;

import java.io.Serializable;
import java.util.Map;

/**
 * What became of a merge: a row of the {@code merges} table.
 *
 * @param plan how many modules of each algorithm were merged
 * @param code why it was refused or failed; null where it was not
 * @param outputDigest SHA-256 of the file; null without one
 * @param maxChange of a weight; null where nothing was written
 * @param seconds by phase
 */
public record MergeResult(
        MergeItem item,
        Status status,
        String code,
        String message,
        Map<String, Integer> plan,
        int written,
        int copied,
        long bytesRead,
        long bytesWritten,
        String inputDigest,
        String outputDigest,
        Double maxChange,
        Map<String, Double> seconds)
        implements Serializable {

    /** Stored in the merges table: never renamed. */
    public enum Status {
        DONE,
        /** It cannot be done as asked; nothing was written. */
        REFUSED,
        /** The store failed, or a file was not what it seemed. */
        FAILED,
        /** The output is what the same input gave before. */
        UP_TO_DATE
    }

    static MergeResult without(MergeItem item, Status status, String code, String message) {
        return new MergeResult(item, status, code, message, Map.of(), 0, 0, 0, 0, null, null, null, Map.of());
    }
}

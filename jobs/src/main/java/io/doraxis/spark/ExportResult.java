package io.doraxis.spark;

import io.doraxis.peft.ExportOutcome;
import io.doraxis.tensorfile.Printable;
import java.io.Serializable;
import java.util.List;
import java.util.Map;

/**
 * What became of an export: a row of the {@code exports} table.
 *
 * @param outcome how exact it is; null where nothing is or would be written
 * @param plan modules by what they became
 * @param kernel what computed; null where nothing was to be computed
 * @param relError of a lossy export, how far off its lossy layers are together, relative to what the adapter changes in
 *     them; of an exact one, of the written tensor that is farthest off, its largest difference by its largest value, and
 *     null where it was not verified
 * @param relErrorLayer the module, or tensor, that is farthest off
 * @param relErrors of a lossy export, by module
 * @param verified what was found of what was written, in words; null where it was not read again
 * @param message why it was refused or failed, or what it became
 */
public record ExportResult(
        ExportRequest request,
        MergeResult.Status status,
        String code,
        String message,
        ExportOutcome outcome,
        Map<String, Integer> plan,
        String kernel,
        String device,
        int computed,
        int copied,
        long bytesRead,
        long bytesWritten,
        String inputDigest,
        String outputDigest,
        Double relError,
        String relErrorLayer,
        Map<String, Double> relErrors,
        String verified,
        List<String> warnings,
        Map<String, Double> seconds)
        implements Serializable {
    private static final int MAX_MESSAGE = 4_000;

    /**
     * Why an adapter cannot be had in PEFT's layout as asked, beside what its plan and the merge of its layers say. Stored
     * in the exports table: never renamed.
     */
    public enum Code {
        NOT_AN_ADAPTER,
        UNSUPPORTED_BASE,
        UNSUPPORTED_OUTPUT,
        INCOMPLETE_ROW,
        /** Names match nothing in the base: {@code --allow-unmatched} leaves them out. */
        UNMATCHED,
        /** Layers are further off than {@code --max-rel-error} lets them be at {@code --max-rank}. */
        NOT_WITHIN_ERROR,
        /** What was written is not worth what its source is: a mistake of ours, or of the store. */
        NOT_AS_SOURCE
    }

    /** What a dry run counts by: how exact it would be, or why it would be refused. */
    String verdict() {
        return outcome == null ? status + " " + code : outcome.name();
    }

    /** The same, with something more to say. */
    ExportResult saying(String more) {
        return without(request, status, code, message + more);
    }

    static ExportResult refused(ExportRequest request, String code, String message) {
        return without(request, MergeResult.Status.REFUSED, code, message);
    }

    static ExportResult failed(ExportRequest request, Exception e) {
        String message = e.getMessage() == null ? e.toString() : e.getMessage();
        return without(request, MergeResult.Status.FAILED, "STORE_ERROR", message);
    }

    private static ExportResult without(ExportRequest request, MergeResult.Status status, String code, String message) {
        String shown = Printable.of(message, MAX_MESSAGE);
        return new ExportResult(
                request, status, code, shown, null, Map.of(), null, null, 0, 0, 0, 0, null, null, null, null, Map.of(),
                null, List.of(), Map.of());
    }
}

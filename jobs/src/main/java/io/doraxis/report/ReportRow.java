package io.doraxis.report;

import java.util.List;

/**
 * A checkpoint as a report shows it. Texts are null where there is nothing to say.
 *
 * @param rank smallest and largest, as in {@code 4} or {@code 4-16}
 * @param predictions of the programs, where it is an adapter
 * @param evidence what the axis rests on, a line each
 * @param notes warnings and contradicted claims, a line each
 */
public record ReportRow(
        String uri,
        Verdict verdict,
        String kind,
        String container,
        String dialect,
        String algorithm,
        String axis,
        String confidence,
        String family,
        String rank,
        Long bytes,
        String status,
        String error,
        String message,
        String license,
        String export,
        String exportReason,
        List<Prediction> predictions,
        List<String> evidence,
        List<String> notes,
        List<Advice.Step> advice) {

    /** What a program does with it. */
    public record Prediction(String consumer, String outcome, String reason) {}
}

package io.doraxis.report;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.doraxis.consumer.Outcome;
import io.doraxis.report.ReportRow.Prediction;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.Map;
import java.util.stream.Collectors;

/** A report as SARIF 2.1.0: a result for each checkpoint that is wrong somewhere, unreadable, or whose axis is open. */
public final class SarifReport {
    /** Results that a code scanning service takes of one run. */
    public static final int MOST_RESULTS = 25_000;

    private static final String SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json";

    /** The verdicts that are results, the place of each being its rule's. */
    private static final Map<Verdict, String> RULES = Map.of(
            Verdict.SILENTLY_WRONG, "silently-wrong", Verdict.UNREADABLE, "unreadable", Verdict.AMBIGUOUS, "axis-open");

    private final JsonGenerator json;

    private SarifReport(JsonGenerator json) {
        this.json = json;
    }

    /** Checkpoints that are results. */
    public static long results(Report report) {
        return RULES.keySet().stream()
                .mapToLong(verdict -> report.verdicts().getOrDefault(verdict, 0L))
                .sum();
    }

    /**
     * Writes the file.
     *
     * @param rows the worst first; of those without a result and of more than {@link #MOST_RESULTS} nothing is written
     */
    public static void write(Report report, Iterator<ReportRow> rows, OutputStream out) throws IOException {
        try (JsonGenerator json = new JsonFactory().createGenerator(out)) {
            json.disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);
            new SarifReport(json).log(report, rows);
        }
    }

    private void log(Report report, Iterator<ReportRow> rows) throws IOException {
        json.writeStartObject();
        json.writeStringField("$schema", SCHEMA);
        json.writeStringField("version", "2.1.0");
        json.writeArrayFieldStart("runs");
        json.writeStartObject();
        tool(report.run());
        json.writeObjectFieldStart("automationDetails");
        json.writeStringField("id", "doraxis/" + report.run().run_id());
        json.writeEndObject();
        invocation(report);
        json.writeStringField("columnKind", "utf16CodeUnits");
        json.writeArrayFieldStart("results");
        for (int written = 0; written < MOST_RESULTS && rows.hasNext(); ) {
            ReportRow row = rows.next();
            if (RULES.containsKey(row.verdict())) {
                result(row);
                written++;
            }
        }
        json.writeEndArray();
        json.writeEndObject();
        json.writeEndArray();
        json.writeEndObject();
    }

    private void tool(Report.Run run) throws IOException {
        json.writeObjectFieldStart("tool");
        json.writeObjectFieldStart("driver");
        json.writeStringField("name", "Doraxis");
        json.writeStringField("version", run.tool_version());
        json.writeArrayFieldStart("rules");
        for (Verdict verdict : Verdict.values()) {
            if (RULES.containsKey(verdict)) {
                json.writeStartObject();
                json.writeStringField("id", RULES.get(verdict));
                text("shortDescription", verdict.label());
                text("fullDescription", verdict.meaning());
                json.writeObjectFieldStart("defaultConfiguration");
                json.writeStringField("level", level(verdict));
                json.writeEndObject();
                json.writeEndObject();
            }
        }
        json.writeEndArray();
        json.writeEndObject();
        json.writeEndObject();
    }

    private static String level(Verdict verdict) {
        return verdict == Verdict.AMBIGUOUS ? "warning" : "error";
    }

    private void invocation(Report report) throws IOException {
        json.writeArrayFieldStart("invocations");
        json.writeStartObject();
        json.writeBooleanField("executionSuccessful", true);
        json.writeStringField("startTimeUtc", report.run().started_at());
        long left = results(report) - MOST_RESULTS;
        if (left > 0) {
            json.writeArrayFieldStart("toolExecutionNotifications");
            json.writeStartObject();
            json.writeStringField("level", "warning");
            text("message", "%,d more checkpoints are left out; the worst are here".formatted(left));
            json.writeEndObject();
            json.writeEndArray();
        }
        json.writeEndObject();
        json.writeEndArray();
    }

    private void result(ReportRow row) throws IOException {
        String rule = RULES.get(row.verdict());
        json.writeStartObject();
        json.writeStringField("ruleId", row.verdict() == Verdict.UNREADABLE ? rule + "/" + row.error() : rule);
        json.writeStringField("level", level(row.verdict()));
        text("message", message(row));
        json.writeArrayFieldStart("locations");
        json.writeStartObject();
        json.writeObjectFieldStart("physicalLocation");
        json.writeObjectFieldStart("artifactLocation");
        json.writeStringField("uri", encoded(row.uri()));
        json.writeEndObject();
        json.writeEndObject();
        json.writeEndObject();
        json.writeEndArray();
        fix(row);
        json.writeEndObject();
    }

    private void fix(ReportRow row) throws IOException {
        json.writeObjectFieldStart("properties");
        for (Advice.Step step : row.advice()) {
            if (step.command() != null) {
                json.writeStringField("fix", step.command(row.uri()));
                break;
            }
        }
        json.writeEndObject();
    }

    private static String message(ReportRow row) {
        return switch (row.verdict()) {
            case SILENTLY_WRONG ->
                "Computed with other weights, and nothing said, by "
                        + row.predictions().stream()
                                .filter(each -> each.outcome().equals(Outcome.SILENTLY_WRONG.name()))
                                .map(Prediction::consumer)
                                .sorted()
                                .collect(Collectors.joining(", "));
            case UNREADABLE -> row.message() == null ? row.status() : row.message();
            default -> row.verdict().label() + ": " + row.verdict().meaning();
        };
    }

    /** A message, in which brackets would make a link and braces a place for an argument. */
    private void text(String field, String text) throws IOException {
        json.writeObjectFieldStart(field);
        json.writeStringField(
                "text",
                text.replaceAll("[\\\\\\[\\]]", "\\\\$0").replace("{", "{{").replace("}", "}}"));
        json.writeEndObject();
    }

    /** Names in the tables are not percent-encoded. */
    private static String encoded(String uri) {
        StringBuilder encoded = new StringBuilder();
        for (byte each : uri.getBytes(StandardCharsets.UTF_8)) {
            char letter = (char) (each & 0xff);
            boolean plain =
                    letter < 128 && (Character.isLetterOrDigit(letter) || "-._~/:@!$&'()*+,;=".indexOf(letter) >= 0);
            encoded.append(plain ? String.valueOf(letter) : "%%%02X".formatted((int) letter));
        }
        return encoded.toString();
    }
}

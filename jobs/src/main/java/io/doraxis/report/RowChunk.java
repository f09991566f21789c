package io.doraxis.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.doraxis.consumer.Outcome;
import io.doraxis.report.ReportRow.Prediction;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.util.Base64;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.zip.DeflaterOutputStream;

/**
 * Rows as the page carries them: JSON with an object for each column, of its distinct {@code values} and each row's place among
 * them, {@code ids}; deflated (zlib), in base64, so that no name can end the element that holds it.
 *
 * @param rows how many
 * @param element the page's element that holds them
 */
public record RowChunk(int rows, String element) implements Serializable {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** @param programs in the order of the report */
    public static RowChunk of(List<ReportRow> rows, List<String> programs) {
        String element = "<script class=\"rows\" type=\"application/octet-stream\" data-rows=\"%d\">%s</script>\n"
                .formatted(rows.size(), Base64.getEncoder().encodeToString(deflated(rows, programs)));
        return new RowChunk(rows.size(), element);
    }

    private record Column(Collection<Object> values, int[] ids) {}

    private static byte[] deflated(List<ReportRow> rows, List<String> programs) {
        Map<String, Object> chunk = new LinkedHashMap<>();
        chunk.put("uri", rows.stream().map(ReportRow::uri).toList());
        columns(programs).forEach((name, value) -> chunk.put(name, column(rows, value)));
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DeflaterOutputStream deflated = new DeflaterOutputStream(bytes)) {
            JSON.writeValue(deflated, chunk);
        } catch (IOException e) {
            throw new UncheckedIOException(e); // memory does not fail
        }
        return bytes.toByteArray();
    }

    private static Map<String, Function<ReportRow, Object>> columns(List<String> programs) {
        Map<String, Function<ReportRow, Object>> columns = new LinkedHashMap<>();
        columns.put("verdict", row -> row.verdict().name());
        columns.put("kind", ReportRow::kind);
        columns.put("container", ReportRow::container);
        columns.put("dialect", ReportRow::dialect);
        columns.put("algorithm", ReportRow::algorithm);
        columns.put("axis", ReportRow::axis);
        columns.put("confidence", ReportRow::confidence);
        columns.put("family", ReportRow::family);
        columns.put("rank", ReportRow::rank);
        columns.put("bytes", ReportRow::bytes);
        columns.put("status", ReportRow::status);
        columns.put("error", ReportRow::error);
        columns.put("message", ReportRow::message);
        columns.put("license", ReportRow::license);
        columns.put("export", ReportRow::export);
        columns.put("exportReason", ReportRow::exportReason);
        columns.put("outcomes", row -> outcomes(row, programs));
        columns.put("reasons", row -> reasons(row, programs));
        columns.put("evidence", row -> json(row.evidence()));
        columns.put("notes", row -> json(row.notes()));
        columns.put("advice", row -> json(row.advice()));
        return columns;
    }

    private static Column column(List<ReportRow> rows, Function<ReportRow, Object> value) {
        Map<Object, Integer> places = new LinkedHashMap<>();
        int[] ids = new int[rows.size()];
        for (int i = 0; i < ids.length; i++) {
            Object own = value.apply(rows.get(i));
            Integer place = places.putIfAbsent(own, places.size());
            ids[i] = place == null ? places.size() - 1 : place;
        }
        return new Column(places.keySet(), ids);
    }

    /** A digit for each program, a space where nothing is said of it. */
    private static String outcomes(ReportRow row, List<String> programs) {
        if (row.predictions().isEmpty()) {
            return null;
        }
        StringBuilder digits = new StringBuilder(" ".repeat(programs.size()));
        for (Prediction prediction : row.predictions()) {
            digits.setCharAt(programs.indexOf(prediction.consumer()), (char)
                    ('0' + Report.OUTCOMES.indexOf(Outcome.valueOf(prediction.outcome()))));
        }
        return digits.toString();
    }

    private static String reasons(ReportRow row, List<String> programs) {
        String[] reasons = new String[programs.size()];
        for (Prediction prediction : row.predictions()) {
            reasons[programs.indexOf(prediction.consumer())] = prediction.reason();
        }
        return json(reasons);
    }

    private static String json(Object value) {
        try {
            return JSON.writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e); // texts always have a JSON form
        }
    }
}

package io.doraxis.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.doraxis.consumer.Outcome;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A report as one page that needs nothing else and asks nobody: its policy forbids every request, and every script and style but
 * its own. What files are called is data in it, never markup.
 */
public final class HtmlReport {
    /** The version stands in the parent pom too. */
    private static final String CHART_JS = "/META-INF/resources/webjars/chart.js/4.5.1/";

    private static final Pattern PLACE = Pattern.compile("\\{\\{(\\w+)}}");
    private static final String ROWS = "{{rows}}";
    private static final ObjectMapper JSON = new ObjectMapper();

    private HtmlReport() {}

    /**
     * Writes the page.
     *
     * @param rows the worst first
     */
    public static void write(Report report, Iterator<RowChunk> rows, OutputStream out) throws IOException {
        Map<String, String> parts = parts(report);
        String template = resource("report.html");
        int at = template.indexOf(ROWS); // of the template: a file may be called so too
        out.write(bytes(filled(template.substring(0, at), parts)));
        if (!rows.hasNext()) {
            out.write(bytes(RowChunk.of(List.of(), report.programs()).element())); // the columns, without a row
        }
        while (rows.hasNext()) {
            out.write(bytes(rows.next().element()));
        }
        out.write(bytes(filled(template.substring(at + ROWS.length()), parts)));
    }

    private static String filled(String template, Map<String, String> parts) {
        return PLACE.matcher(template)
                .replaceAll(place -> Matcher.quoteReplacement(parts.getOrDefault(place.group(1), place.group())));
    }

    private static Map<String, String> parts(Report report) {
        String style = resource("report.css");
        String chart = resource(CHART_JS + "dist/chart.umd.min.js");
        String script = resource("report.js");
        return Map.of(
                "policy",
                "default-src 'none'; script-src %s %s; style-src %s; base-uri 'none'; form-action 'none'"
                        .formatted(source(chart), source(script), source(style)),
                "style",
                style,
                "chart",
                chart,
                "script",
                script,
                "licence",
                escaped(resource(CHART_JS + "LICENSE.md")),
                "report",
                data(report));
    }

    /** As the page's policy names a script or style. */
    private static String source(String text) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(bytes(text));
            return "'sha256-" + Base64.getEncoder().encodeToString(digest) + "'";
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** What the page's script reads. */
    private record Data(Report report, List<Heading> verdicts, List<Outcome> outcomes) {}

    private record Heading(String name, String label, String meaning) {}

    private static String data(Report report) {
        List<Heading> headings = Arrays.stream(Verdict.values())
                .map(verdict -> new Heading(verdict.name(), verdict.label(), verdict.meaning()))
                .toList();
        try {
            String json = JSON.writeValueAsString(new Data(report, headings, Report.OUTCOMES));
            return json.replace("<", "\\u003c"); // no name ends the element
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e); // a record of numbers and texts always has a JSON form
        }
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;");
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String resource(String name) {
        try (InputStream in = HtmlReport.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException(name + " is not on the class path");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).replace("\r\n", "\n");
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}

package io.doraxis.report;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.InflaterInputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class HtmlReportTest {
    private static final Pattern ROWS = Pattern.compile("<script class=\"rows\"[^>]* data-rows=\"2\">([^<]+)</script>");

    private static String page;

    @BeforeAll
    static void write() throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        List<ReportRow> rows = List.of(SampleReport.row(Verdict.SILENTLY_WRONG), SampleReport.row(Verdict.UNREADABLE));
        HtmlReport.write(
                SampleReport.of(1),
                List.of(RowChunk.of(rows, List.of("diffusers@0.42", "peft@0.21")))
                        .iterator(),
                out);
        page = out.toString(StandardCharsets.UTF_8);
    }

    @Test
    void itsPolicyForbidsEveryRequestAndForeignScript() {
        assertThat(page)
                .containsPattern("content=\"default-src 'none'; script-src 'sha256-[\\w+/=]{44}' 'sha256-[\\w+/=]{44}';"
                        + " style-src 'sha256-[\\w+/=]{44}'; base-uri 'none'; form-action 'none'\"")
                .doesNotContain("unsafe-inline");
    }

    @Test
    void namesAreDataAndNoMarkup() {
        assertThat(page).doesNotContain("<img").contains("\\u003c/script>\\u003cimg src=x onerror=alert(1)>");
        assertThat(page.split("</script", -1))
                .as("data, chart.js, its own, rows")
                .hasSize(5);
    }

    @Test
    void aFileThatIsCalledAsAPlaceOfTheTemplateIsData() throws IOException {
        String start = "<script id=\"report\" type=\"application/json\">";
        int at = page.indexOf(start) + start.length();
        JsonNode data = new ObjectMapper().readTree(page.substring(at, page.indexOf("</script>", at)));
        assertThat(data.at("/report/differences/changes/0/examples/0").asText()).isEqualTo(SampleReport.HOSTILE);
        assertThat(page).endsWith("</script>\n\n</body>\n</html>\n");
    }

    @Test
    void everyPlaceOfTheTemplateIsFilled() {
        assertThat(page).doesNotContain("{{policy}}", "{{style}}", "{{chart}}", "{{script}}", "{{report}}");
        assertThat(page).contains("Chart.js v4.5.1", "Permission is hereby granted, free of charge");
    }

    @Test
    void rowsAreColumnsOfDistinctValues() throws IOException {
        Matcher rows = ROWS.matcher(page);
        assertThat(rows.find()).isTrue();
        byte[] deflated = Base64.getDecoder().decode(rows.group(1));
        JsonNode chunk = new ObjectMapper().readTree(new InflaterInputStream(new ByteArrayInputStream(deflated)));
        assertThat(chunk.get("uri").get(1).asText()).isEqualTo(SampleReport.HOSTILE);
        assertThat(chunk.get("verdict")).hasToString("{\"values\":[\"SILENTLY_WRONG\",\"UNREADABLE\"],\"ids\":[0,1]}");
        assertThat(chunk.get("algorithm")).hasToString("{\"values\":[\"LORA\"],\"ids\":[0,0]}");
        assertThat(chunk.get("outcomes").get("values").get(0).asText()).isEqualTo(" 0");
        assertThat(chunk.get("reasons").get("values").get(0).asText()).isEqualTo("[null,\"peft@0.21/rule: because\"]");
    }

    @Test
    void aPageWithoutARowHasItsColumns() throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        HtmlReport.write(SampleReport.of(0), Collections.emptyIterator(), out);
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("data-rows=\"0\"");
    }
}

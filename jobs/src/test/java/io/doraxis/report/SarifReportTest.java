package io.doraxis.report;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What SARIF 2.1.0 requires, and what a code scanning service reads. */
class SarifReportTest {
    private static JsonNode run(long wrong, List<ReportRow> rows) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        SarifReport.write(SampleReport.of(wrong), rows.iterator(), out);
        JsonNode log = new ObjectMapper().readTree(out.toByteArray());
        assertThat(log.get("version").asText()).isEqualTo("2.1.0");
        return log.get("runs").get(0);
    }

    private static JsonNode run() throws IOException {
        return run(
                1,
                List.of(
                        SampleReport.row(Verdict.SILENTLY_WRONG),
                        SampleReport.row(Verdict.UNREADABLE),
                        SampleReport.row(Verdict.RIGHT)));
    }

    @Test
    void checkpointsThatAreWrongOrUnreadableAreResults() throws IOException {
        JsonNode results = run().get("results");
        assertThat(results).hasSize(2);
        assertThat(results.get(0).get("ruleId").asText()).isEqualTo("silently-wrong");
        assertThat(results.get(0).at("/message/text").asText())
                .isEqualTo("Computed with other weights, and nothing said, by peft@0.21");
        assertThat(results.get(0).at("/properties/fix").asText())
                .isEqualTo("doraxis merge --adapter '" + SampleReport.HOSTILE + "'");
        assertThat(results.get(1).get("ruleId").asText()).isEqualTo("unreadable/EMPTY_OBJECT");
        assertThat(results.get(1).get("level").asText()).isEqualTo("error");
    }

    @Test
    void rulesAreDescribed() throws IOException {
        JsonNode driver = run().at("/tool/driver");
        assertThat(driver.get("name").asText()).isEqualTo("Doraxis");
        assertThat(driver.get("rules").findValuesAsText("id"))
                .containsExactly("silently-wrong", "unreadable", "axis-open");
        assertThat(driver.get("rules"))
                .allSatisfy(rule ->
                        assertThat(rule.at("/shortDescription/text").asText()).isNotEmpty());
    }

    @Test
    void aNameBecomesAUri() throws IOException {
        String uri = run().at("/results/0/locations/0/physicalLocation/artifactLocation/uri")
                .asText();
        assertThat(URI.create(uri).getPath()).isEqualTo(SampleReport.HOSTILE.substring("file:".length()));
    }

    @Test
    void bracketsAndBracesOfAMessageAreNoLinkAndNoPlace() throws IOException {
        assertThat(run().at("/results/1/message/text").asText()).contains("\\[a\\](b) {{0}}");
    }

    @Test
    void whatIsLeftOutIsSaid() throws IOException {
        JsonNode run = run(30_000, Collections.nCopies(30_000, SampleReport.row(Verdict.SILENTLY_WRONG)));
        assertThat(run.get("results")).hasSize(SarifReport.MOST_RESULTS);
        assertThat(run.at("/invocations/0/toolExecutionNotifications/0/message/text")
                        .asText())
                .isEqualTo("5,001 more checkpoints are left out; the worst are here");
    }
}

package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.doraxis.report.Advice;
import io.doraxis.report.HtmlReport;
import io.doraxis.report.RowChunk;
import io.doraxis.report.SampleReport;
import io.doraxis.report.Verdict;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The page of a report, in a real browser. */
class ReportPageIT {
    private static final String ROWS = "document.querySelectorAll('#rows tbody tr:not(.detail)')";
    private static final String ENTER = "\uE007";
    private static final String TAB = "\uE004";

    @TempDir
    private static Path folder;

    private static Path page;
    private static Browser browser;

    @BeforeAll
    static void open() throws IOException {
        Optional<Path> driver = Browser.driver();
        assumeTrue(driver.isPresent(), "no chromedriver on the PATH: 'apt-get install chromium-driver'");
        page = ReportedHub.page();
        browser = Browser.open(driver.get(), folder);
    }

    @AfterAll
    static void close() throws IOException {
        if (browser != null) {
            browser.close();
        }
    }

    @BeforeEach
    void visit() throws IOException {
        browser.resize(1280, 900);
        browser.visit(page);
        assertThat(browser.await("return document.body.dataset.ready;").isTextual())
                .as("rows are shown")
                .isTrue();
    }

    private static List<String> texts(String elements) throws IOException {
        JsonNode found = browser.run("return Array.from(" + elements + ", each => each.innerText.trim());");
        return StreamSupport.stream(found.spliterator(), false)
                .map(JsonNode::asText)
                .toList();
    }

    private static String text(String script) throws IOException {
        return browser.run("return " + script + ";").asText();
    }

    private static void search(String words) throws IOException {
        browser.run("document.getElementById('search').focus();");
        browser.press(words + ENTER);
    }

    @Test
    void nothingIsAskedForAndNothingGoesWrong() throws IOException {
        browser.requests(); // of other tests
        browser.console();
        visit();
        browser.run(
                "document.querySelectorAll('#rows td.name button, details summary').forEach(each => each.click());");
        browser.run("document.getElementById('theme').click();");
        assertThat(browser.requests())
                .isNotEmpty()
                .allMatch(url -> url.equals(page.toUri().toString()));
        assertThat(browser.console()).isEmpty();
        assertThat(text("document.title")).startsWith("Doraxis report of ");
    }

    @Test
    void theNumbersAreThoseOfTheAudit() throws IOException {
        assertThat(text("document.getElementById('run').textContent"))
                .startsWith("41 checkpoints, 33 of them adapters");
        assertThat(texts("document.querySelectorAll('#verdicts button')"))
                .hasSize(6)
                .anySatisfy(verdict -> assertThat(verdict).contains("Unreadable", "5 (12 %)"));
        assertThat(texts("document.querySelectorAll('#consumers tbody tr')")).hasSize(16);
        assertThat(text("document.getElementById('differences').innerText"))
                .contains("2 checkpoints appeared, 1 are gone", "became silently wrong with a1111@1.10; before: exact");
        assertThat(text("Chart.getChart('algorithms-chart').data.datasets.length"))
                .isEqualTo("4");
        assertThat(text("Chart.getChart('trend-chart').data.labels.length")).isEqualTo("2");
        assertThat(text("document.getElementById('found').textContent")).isEqualTo("41 of 41 checkpoints");
    }

    @Test
    void theWorstStandFirst() throws IOException {
        List<String> wrong = texts("document.querySelectorAll('#rows tbody td:nth-child(3)')");
        assertThat(wrong.subList(0, 5)).isSortedAccordingTo((a, b) -> Integer.parseInt(b) - Integer.parseInt(a));
        assertThat(wrong.get(wrong.size() - 1)).isEmpty();
    }

    @Test
    void rowsAreSortedByAColumn() throws IOException {
        browser.run("document.querySelector('#rows th[data-by=uri] button').click();");
        assertThat(texts("document.querySelectorAll('#rows tbody .name small')"))
                .isSorted()
                .hasSize(41);
        assertThat(text("document.querySelector('#rows th[data-by=uri]').getAttribute('aria-sort')"))
                .isEqualTo("ascending");
        browser.run("document.querySelector('#rows th[data-by=uri] button').click();");
        assertThat(texts("document.querySelectorAll('#rows tbody .name small')"))
                .isSortedAccordingTo((a, b) -> b.compareTo(a));
    }

    @Test
    void rowsAreFoundByTheirNamesAndErrors() throws IOException {
        search("LYCORIS-input safetensors");
        assertThat(texts(ROWS)).hasSize(4).allMatch(row -> row.contains("lycoris-input"));
        browser.run("document.getElementById('clear').click();");
        search("git_lfs");
        assertThat(texts(ROWS)).hasSize(1).allMatch(row -> row.contains("broken-000019"));
    }

    @Test
    void aNumberOfAProgramShowsItsCheckpoints() throws IOException {
        String cell = "document.querySelector('#consumers button[aria-label*=\"silently wrong with invokeai\"]')";
        String count = text(cell + ".textContent");
        browser.run(cell + ".click();");
        assertThat(texts(ROWS)).hasSize(Integer.parseInt(count)).allMatch(row -> row.contains("silently wrong"));
        assertThat(text("document.getElementById('filter-program').value")).isEqualTo("invokeai@6.14");
    }

    @Test
    void filtersOfTheListJoin() throws IOException {
        browser.run("""
                for (const [id, value] of [['filter-axis', 'AMBIGUOUS'], ['filter-algorithm', 'LORA']]) {
                  document.getElementById(id).value = value;
                  document.getElementById(id).dispatchEvent(new Event('change'));
                }""");
        assertThat(texts(ROWS)).hasSize(4).allMatch(row -> row.contains("renamed-square"));
        assertThat(text("document.getElementById('found').textContent")).isEqualTo("4 of 41 checkpoints match");
    }

    @Test
    void theEvidenceOpensByTheKeyboard() throws IOException {
        search("lycoris-input-000000");
        browser.run("document.querySelector('#rows td.name button').focus();");
        browser.press(ENTER);
        assertThat(text("document.querySelector('.detail').innerText"))
                .contains("3 x RECTANGULAR_LAYER: INPUT", "Load it with lycoris@3.1", "dora-input");
        assertThat(text("document.activeElement.getAttribute('aria-expanded')")).isEqualTo("true");
        browser.press(ENTER);
        assertThat(texts("document.querySelectorAll('.detail')")).isEmpty();
    }

    @Test
    void theFirstTabLeadsPastTheCharts() throws IOException {
        browser.press(TAB);
        assertThat(text("document.activeElement.textContent")).isEqualTo("Skip to the checkpoints");
    }

    @Test
    void theFixIsTheCommandOfExplain() throws IOException {
        browser.devtools(
                "Browser.grantPermissions",
                Map.of("permissions", List.of("clipboardReadWrite", "clipboardSanitizedWrite")));
        search("pwned");
        browser.run("document.querySelector('#rows td:last-child button').click();");
        browser.await("return document.getElementById('said').textContent;");
        String uri = texts("document.querySelectorAll('#rows td.name small')").get(0);
        String command = new Advice.Step(
                        "", "doraxis merge --adapter {uri} --base BASE.safetensors --output OUT.safetensors")
                .command(uri);
        assertThat(uri).endsWith("/</" + ReportedHub.HOSTILE);
        assertThat(text("document.querySelector('#rows td:last-child button').title"))
                .isEqualTo(command);
        browser.run("navigator.clipboard.readText().then(text => { document.body.dataset.copied = text; });");
        assertThat(browser.await("return document.body.dataset.copied;").asText())
                .isEqualTo(command);
    }

    @Test
    void aNameThatIsAScriptStaysAName() throws IOException {
        search("pwned");
        browser.run("document.querySelector('#rows td.name button').click();");
        assertThat(texts("document.querySelectorAll('img, iframe, object')")).isEmpty();
        assertThat(text("document.title")).startsWith("Doraxis report");
    }

    @Test
    void theCsvHasTheRowsThatAreShownAndNoFormula() throws IOException {
        search("pwned");
        browser.run("document.getElementById('csv').click();");
        Path csv = folder.resolve("doraxis-"
                + text("JSON.parse(document.getElementById('report').textContent).report.run.run_id") + ".csv");
        browser.await("return document.getElementById('said').textContent.includes('exported');");
        long end = System.nanoTime() + 30_000_000_000L;
        while (!Files.exists(csv) && System.nanoTime() < end) {
            Thread.onSpinWait();
        }
        List<String> lines = Files.readAllLines(csv);
        assertThat(lines).hasSize(2);
        assertThat(lines.get(0))
                .startsWith("\"uri\",\"verdict\",")
                .contains("\"peft@0.21\"")
                .endsWith("\"fix\"");
        assertThat(lines.get(1))
                .startsWith("\"file:")
                .contains("\"'=HYPERLINK(\"\"http://example.invalid\"\")\"")
                .contains("\"SILENTLY_WRONG\"");
    }

    @Test
    void everyControlHasAName() throws IOException {
        assertThat(texts("""
                        [...document.querySelectorAll('button, input, select, canvas, table')].filter(each => {
                          const label = each.closest('label')?.textContent ?? '';
                          return !(each.getAttribute('aria-label') ?? '').trim() && !label.trim() && !each.textContent.trim();
                        })""")).isEmpty();
        assertThat(texts("document.querySelectorAll('canvas:not([role=img])')")).isEmpty();
    }

    @Test
    void itFitsAPhone() throws IOException {
        browser.resize(390, 844);
        assertThat(browser.run("return document.documentElement.scrollWidth;").asInt())
                .isLessThanOrEqualTo(390);
        browser.run("document.querySelector('#rows td.name button').click();");
        assertThat(browser.run("return document.documentElement.scrollWidth;").asInt())
                .isLessThanOrEqualTo(390);
    }

    @Test
    void itIsLightOrDarkAsTheReaderLikes() throws IOException {
        String background = "getComputedStyle(document.body).backgroundColor";
        String light = text(background);
        browser.run("document.getElementById('theme').click();");
        assertThat(text(background)).isNotEqualTo(light);
        browser.devtools(
                "Emulation.setEmulatedMedia",
                Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", "dark"))));
        visit();
        assertThat(text("document.documentElement.dataset.theme")).isEqualTo("dark");
        browser.devtools("Emulation.setEmulatedMedia", Map.of("features", List.of()));
    }

    @Test
    void whatIsLeftOutIsSaid() throws IOException {
        Path some = folder.resolve("some.html");
        RowChunk rows = RowChunk.of(
                List.of(SampleReport.row(Verdict.SILENTLY_WRONG), SampleReport.row(Verdict.UNREADABLE)),
                List.of("peft@0.21"));
        try (OutputStream out = Files.newOutputStream(some)) {
            HtmlReport.write(SampleReport.of(1), List.of(rows).iterator(), out);
        }
        browser.visit(some);
        browser.await("return document.body.dataset.ready;");
        assertThat(text("document.getElementById('left-out').innerText"))
                .startsWith("The list holds the worst 2 of 3 checkpoints");
        visit();
        assertThat(text("document.getElementById('left-out').innerText")).isEmpty();
    }
}

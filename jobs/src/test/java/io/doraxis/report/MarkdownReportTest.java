package io.doraxis.report;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class MarkdownReportTest {
    private final String markdown = MarkdownReport.of(SampleReport.of(1));

    @Test
    void theWorstOfEachIsATable() {
        assertThat(markdown)
                .contains("| Silently wrong somewhere | 1 | at least one program computes other weights")
                .contains("| peft@0.21 | 1 | 0 | 0 | 0 | 0 | 0 |")
                .contains("| LORA | OUTPUT 1 |")
                .contains("| 37 | 30 | peft@0.21 | EXACT | SILENTLY_WRONG | <code>file:/hub/");
    }

    @Test
    void namesEndNoCellAndAreNoMarkup() {
        assertThat(markdown)
                .doesNotContain("<img", "</script", "|`", "[a](b)")
                .contains("&#60;/script&#62;&#60;img src=x onerror=alert(1)&#62;&#124;&#96;&#91;a&#93;(b)");
    }
}

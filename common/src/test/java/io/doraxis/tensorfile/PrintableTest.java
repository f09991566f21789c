package io.doraxis.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PrintableTest {
    @Test
    void whatWouldActOnATerminalIsAQuestionMark() {
        assertThat(Printable.of("a\u001b[31mb\nc\u009b2Jd\u202ee\u2028f")).isEqualTo("a?[31mb?c?2Jd?e?f");
    }

    @Test
    void lettersOfAllScriptsStay() {
        assertThat(Printable.of("\u00e9\u00df\u65e5\ud83d\ude00")).isEqualTo("\u00e9\u00df\u65e5\ud83d\ude00");
    }

    @Test
    void aLongTextIsCut() {
        assertThat(Printable.of("x".repeat(1000), 10)).isEqualTo("xxxxxxx...");
        assertThat(Printable.of("x".repeat(10), 10)).isEqualTo("x".repeat(10));
    }
}

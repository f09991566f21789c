package io.doraxis.spark;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ProgressTest {
    private static final long TEN_SECONDS = 10_000_000_000L;

    @Test
    void aLineTellsShareRateAndTimeLeft() {
        assertThat(Progress.line(2500, 0, 5000, TEN_SECONDS))
                .isEqualTo("[============            ] 2,500 of 5,000 (50 %), 250/s, 10 s left");
    }

    @Test
    void unreadableCheckpointsAreTold() {
        assertThat(Progress.line(5000, 12, 5000, TEN_SECONDS))
                .isEqualTo("[========================] 5,000 of 5,000 (100 %), 500/s, 12 unreadable");
    }

    @Test
    void nothingToDoIsDone() {
        assertThat(Progress.line(0, 0, 0, TEN_SECONDS)).isEqualTo("[========================] 0 of 0 (100 %), 0/s");
    }

    @Test
    void hoursAreWrittenOut() {
        assertThat(Progress.line(10, 0, 10_000, TEN_SECONDS)).endsWith("1/s, 2 h 46 min left");
    }

    @Test
    void aRetriedTaskNeverShowsMoreThanAll() {
        assertThat(Progress.line(6, 0, 5, TEN_SECONDS)).contains("(100 %)").doesNotContain("left");
    }
}

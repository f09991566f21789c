package io.doraxis.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

class RunRecordTest {
    private static RunRecord record(Map<String, Long> statuses, Map<String, Long> errors) {
        return new RunRecord(
                "", "", "", "", "", 0, null, 0, 0, Map.of(), 10, statuses, Map.of(), Map.of(), errors, Map.of(),
                Map.of(), 0, 0, 0, 0, null, null);
    }

    @Test
    void checkpointsThatWereReadInPartCountAsTheStoresErrorsToo() {
        RunRecord record = record(
                Map.of("OK", 5L, "PARTIAL", 3L, "STORE_ERROR", 1L, "CHANGED", 1L),
                Map.of("STORE_FORBIDDEN", 2L, "SHORT_BODY", 1L, "MISSING_SHARD", 1L, "STORE_CHANGED", 1L));
        assertThat(record.storeErrors()).isEqualTo(3);
        assertThat(record.storeErrorShare()).isEqualTo(0.3);
    }

    @Test
    void aRunWithoutErrorsHasNone() {
        assertThat(record(Map.of("OK", 10L), Map.of()).storeErrorShare()).isZero();
    }
}

package io.doraxis.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ManifestEntryTest {
    @Test
    void aPathAloneIsEnoughAndKeepsItsSpaces() {
        assertThat(ManifestEntry.parse(" a b ", null, "", " "))
                .isEqualTo(new ManifestEntry(" a b ", null, null, StoredObject.UNKNOWN_TIME));
    }

    @Test
    void everyFieldIsRead() {
        assertThat(ManifestEntry.parse("a", " 12 ", "\"e\"", "1970-01-01T00:00:01Z"))
                .isEqualTo(new ManifestEntry("a", 12L, "e", 1000));
        assertThat(ManifestEntry.parse("a", "0", null, "1001")).isEqualTo(new ManifestEntry("a", 0L, null, 1001));
    }

    @ParameterizedTest
    @ValueSource(strings = {"-1", "12.0", "1e3", "99999999999999999999"})
    void aSizeIsANumberOfBytes(String size) {
        assertThatThrownBy(() -> ManifestEntry.parse("a", size, null, null))
                .hasMessage("the size '" + size + "' is no number of bytes");
    }

    @ParameterizedTest
    @CsvSource({
        "yesterday",
        "2026-01-31",
        "99999999999999999999",
        "1767225600000000000",
        "1767225600000000",
        "+1000000000-12-31T23:59:59Z"
    })
    void aTimeIsOneOfTwoKinds(String time) {
        assertThatThrownBy(() -> ManifestEntry.parse("a", "1", null, time))
                .hasMessageStartingWith("the mtime '" + time + "' is neither like");
    }

    @Test
    void aRowWithoutAPathSaysSo() {
        assertThatThrownBy(() -> ManifestEntry.parse(" ", "1", null, null)).hasMessage("no path");
    }
}

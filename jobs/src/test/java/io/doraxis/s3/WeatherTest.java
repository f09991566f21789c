package io.doraxis.s3;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.s3.Weather.Fault;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class WeatherTest {
    private static List<Fault> faults(Weather weather) {
        return IntStream.range(0, 10_000)
                .mapToObj(i -> weather.fault("GET", "/hub/" + i % 1000, "bytes=0-1", i / 1000))
                .toList();
    }

    @Test
    void theSameSeedIsTheSameWeatherAndAnotherIsAnother() {
        assertThat(faults(Weather.mixed(7))).isEqualTo(faults(Weather.mixed(7))).isNotEqualTo(faults(Weather.mixed(8)));
    }

    @Test
    void faultsHaveTheirShares() {
        Weather weather = new Weather(1, 0.3, 0.1, 0, 0.05, 0, 0.1, 0, 0);
        List<Fault> faults = faults(weather);
        assertThat(faults).filteredOn(Fault.THROTTLED::equals).hasSizeBetween(2800, 3200);
        assertThat(faults).filteredOn(Fault.FAILED::equals).hasSizeBetween(900, 1100);
        assertThat(faults).filteredOn(Fault.CUT::equals).hasSizeBetween(420, 580);
        assertThat(faults).doesNotContain(Fault.RESET, Fault.WRONG_RANGE);
        assertThat(IntStream.range(0, 1000).filter(i -> weather.isChanged("/hub/" + i)))
                .hasSizeBetween(70, 130);
    }

    @Test
    void whatFailedOnceNeedNotFailAgain() {
        Weather weather = new Weather(1, 0.5, 0, 0, 0, 0, 0, 0, 0);
        assertThat(IntStream.range(0, 50).mapToObj(attempt -> weather.fault("GET", "/hub/a", "", attempt)))
                .contains(Fault.NONE, Fault.THROTTLED);
    }
}

package io.doraxis.consumer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.DoubleSummaryStatistics;
import java.util.Map;
import java.util.TreeMap;

/** The errors that were measured where a rule decided, against those that its reason states: {@code 12-34 % off}. */
final class StatedErrors {
    private final Map<String, DoubleSummaryStatistics> byReason = new TreeMap<>();

    void add(Prediction prediction, double error) {
        if (Double.isNaN(error)) {
            return; // a zero row, of which a program without an epsilon makes no number
        }
        String reason = prediction.reason().substring(prediction.reason().indexOf('/') + 1);
        byReason.computeIfAbsent(reason, key -> new DoubleSummaryStatistics()).accept(error);
    }

    void check() {
        assertThat(byReason).isNotEmpty().allSatisfy((reason, errors) -> {
            long least = Math.round(100 * errors.getMin());
            long most = Math.round(100 * errors.getMax());
            assertThat(reason).contains((least == most ? "" + most : least + "-" + most) + " % off");
        });
    }
}

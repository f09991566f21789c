package io.doraxis.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class RetryBudgetTest {
    private final AtomicLong now = new AtomicLong(1_000_000);
    private double chance = 1;
    private final RetryBudget budget = new RetryBudget(now::get, () -> chance);

    private static final long TEN_MINUTES = RetryBudget.PATIENCE.toMillis();

    @Test
    void pausesDoubleUpToALongest() {
        assertThat(IntStream.rangeClosed(1, 12)
                        .mapToLong(tries -> budget.throttled(tries).orElseThrow()))
                .containsExactly(
                        100L, 200L, 400L, 800L, 1_600L, 3_200L, 6_400L, 12_800L, 20_000L, 20_000L, 20_000L, 20_000L);
    }

    @Test
    void halfOfAPauseIsChance() {
        chance = 0;
        assertThat(budget.throttled(3)).hasValue(200);
        chance = 0.5;
        assertThat(budget.throttled(3)).hasValue(300);
    }

    @Test
    void aStoreThatThrottlesIsWaitedForHoweverOftenItSaysSo() {
        for (int i = 0; i < 10_000; i++) {
            assertThat(budget.throttled(40)).isPresent();
            now.addAndGet(20_000);
            if (i % 29 == 28) {
                budget.succeeded(); // now and then one of the readers is served
            }
        }
    }

    @Test
    void butNotWithoutEnd() {
        assertThat(budget.throttled(1)).isPresent();
        now.addAndGet(TEN_MINUTES);
        assertThat(budget.throttled(2)).isPresent();
        now.addAndGet(1);
        assertThat(budget.throttled(3)).isEmpty();
        budget.succeeded();
        assertThat(budget.throttled(1)).isPresent();
    }

    @Test
    void aReadThatAloneIsThrottledEndsToo() {
        for (int tries = 1; tries < RetryBudget.THROTTLED_TRIES; tries++) {
            assertThat(budget.throttled(tries)).isPresent();
            budget.succeeded(); // what others read
        }
        assertThat(budget.throttled(RetryBudget.THROTTLED_TRIES)).isEmpty();
    }

    @Test
    void aBucketThatNobodyReadForLongIsNotOneThatThrottledForLong() {
        budget.throttled(1);
        budget.succeeded();
        now.addAndGet(2 * TEN_MINUTES);
        assertThat(budget.throttled(1)).isPresent();
    }

    @Test
    void aReadThatFailsIsTriedEightTimes() {
        assertThat(budget.failed(RetryBudget.TRIES - 1)).isPresent();
        assertThat(budget.failed(RetryBudget.TRIES)).isEmpty();
    }

    @Test
    void aStoreThatIsDownIsSoonAskedOnceForEachRead() {
        for (int i = 0; i < RetryBudget.FAILURES; i++) {
            assertThat(budget.failed(1)).isPresent();
        }
        assertThat(budget.failed(1)).isEmpty();
        assertThat(budget.throttled(1)).as("throttling is no failure").isPresent();
        budget.succeeded();
        assertThat(budget.failed(1)).as("it is back").isPresent();
        assertThat(budget.failed(1)).isEmpty();
    }

    @Test
    void whereThreeOfFourReadsSucceedNothingIsLost() {
        for (int i = 0; i < 100_000; i++) {
            if (i % 4 == 0) {
                assertThat(budget.failed(1)).isPresent();
            } else {
                budget.succeeded();
            }
        }
    }
}

package io.doraxis.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ReadAheadTest {
    /** Counts the inputs that were taken: each is being read, or waits to be handed on. */
    private final AtomicInteger taken = new AtomicInteger();

    private Iterator<Integer> inputs(int count) {
        return IntStream.range(0, count).peek(i -> taken.incrementAndGet()).iterator();
    }

    @Test
    void resultsComeInTheOrderOfTheInputs() {
        List<Integer> results = new ArrayList<>();
        ReadAhead.of(inputs(100), i -> i * i, i -> 1, 8).forEachRemaining(results::add);
        assertThat(results)
                .isEqualTo(IntStream.range(0, 100).mapToObj(i -> i * i).toList());
    }

    @Test
    void noMoreAreInFlightThanAskedFor() {
        Iterator<Integer> results = ReadAhead.of(inputs(100), i -> i, i -> 1, 8);
        results.next();
        assertThat(taken.get()).isEqualTo(8); // the result that was handed on, and those that are on their way
    }

    @Test
    void aTaskThatIsKilledDoesNotWaitForItsReads() {
        CountDownLatch answered = new CountDownLatch(1);
        Iterator<Integer> results = ReadAhead.of(
                inputs(1),
                i -> {
                    waitFor(answered);
                    return i;
                },
                i -> 1,
                8);
        Thread.currentThread().interrupt();
        assertThatThrownBy(results::next).hasMessage("interrupted while reading");
        assertThat(Thread.interrupted()).isTrue();
        answered.countDown();
    }

    private static void waitFor(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void hugeResultsAreReadOneAtATime() {
        Iterator<Integer> results = ReadAhead.of(inputs(100), i -> i, i -> Long.MAX_VALUE / 200, 8);
        results.next();
        assertThat(taken.get()).isEqualTo(1);
        results.forEachRemaining(i -> {});
        assertThat(taken.get()).isEqualTo(100);
    }
}

package io.doraxis.store;

import java.time.Duration;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.DoubleSupplier;
import java.util.function.LongSupplier;

/**
 * How long what is read of one bucket is tried again, for all tasks of an executor together. A store that throttles slows
 * them all, and is waited for; of one that is broken each read is tried a few times, and once only when most reads fail,
 * so that a store that is down ends a job soon. Pauses double from try to try, and half of each is chance, so that readers
 * do not come back all at once.
 */
final class RetryBudget {
    /** Of one read, where the store does not throttle. */
    static final int TRIES = 8;

    /**
     * Of one read that is throttled: about a quarter of an hour. Some stores say so of an object of which they have lost a
     * part, for ever, and serve all others.
     */
    static final int THROTTLED_TRIES = 60;

    /** Failures beyond as many successes after which no read is tried again until others succeed. */
    static final int FAILURES = 500;

    /** How long a bucket may answer nothing but that it throttles. */
    static final Duration PATIENCE = Duration.ofMinutes(10);

    static final long FIRST_PAUSE_MILLIS = 100;
    static final long LONGEST_PAUSE_MILLIS = 20_000;

    private static final Map<String, RetryBudget> BUDGETS = new ConcurrentHashMap<>();
    private static final long NEVER = Long.MIN_VALUE;

    private final LongSupplier millis;
    private final DoubleSupplier chance;
    private int failuresLeft = FAILURES;
    private long throttledSince = NEVER;

    /**
     * @param millis a clock
     * @param chance numbers from 0 to 1
     */
    RetryBudget(LongSupplier millis, DoubleSupplier chance) {
        this.millis = millis;
        this.chance = chance;
    }

    /** The budget of a bucket in this process. */
    static RetryBudget of(String bucket) {
        return BUDGETS.computeIfAbsent(
                bucket,
                key -> new RetryBudget(() -> System.nanoTime() / 1_000_000, new SplittableRandom()::nextDouble));
    }

    /** Something was read. */
    synchronized void succeeded() {
        failuresLeft = Math.min(FAILURES, failuresLeft + 1);
        throttledSince = NEVER;
    }

    /**
     * The store asked for fewer requests.
     *
     * @param tries that this read has made
     * @return milliseconds to wait before the next one; empty when there must be none
     */
    synchronized OptionalLong throttled(int tries) {
        long now = millis.getAsLong();
        if (throttledSince == NEVER) {
            throttledSince = now;
        }
        boolean enough = tries >= THROTTLED_TRIES || now - throttledSince > PATIENCE.toMillis();
        return enough ? OptionalLong.empty() : pause(tries);
    }

    /**
     * The store failed, or the way to it did.
     *
     * @param tries that this read has made
     * @return milliseconds to wait before the next one; empty when there must be none
     */
    synchronized OptionalLong failed(int tries) {
        if (tries >= TRIES || failuresLeft == 0) {
            return OptionalLong.empty();
        }
        failuresLeft--;
        return pause(tries);
    }

    private OptionalLong pause(int tries) {
        long longest = Math.min(LONGEST_PAUSE_MILLIS, FIRST_PAUSE_MILLIS << Math.min(tries - 1, 10));
        return OptionalLong.of(longest / 2 + (long) (longest / 2 * chance.getAsDouble()));
    }
}

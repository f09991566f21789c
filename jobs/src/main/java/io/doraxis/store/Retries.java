package io.doraxis.store;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.SocketTimeoutException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hadoop.fs.s3a.AWSServiceIOException;
import org.apache.hadoop.fs.s3a.RemoteFileChangedException;
import org.apache.hadoop.security.AccessControlException;

/** Tries to read again what a store failed on, as the budget of its bucket allows, and counts that. */
final class Retries {
    /** What another try would not change. */
    private static final List<Class<? extends IOException>> FINAL = List.of(
            FileNotFoundException.class,
            NoSuchFileException.class,
            AccessDeniedException.class,
            AccessControlException.class,
            RemoteFileChangedException.class,
            ClosedByInterruptException.class);

    private static final int REQUEST_TIMEOUT = 408;
    private static final int TOO_MANY_REQUESTS = 429;
    private static final int SERVER_ERRORS = 500;
    private static final int SLOW_DOWN = 503;

    private final AtomicInteger count = new AtomicInteger();

    /** One try to read something. */
    interface Read<T> {
        T get() throws IOException;
    }

    int count() {
        return count.get();
    }

    /** Reads, and as often as it is worth it. */
    <T> T of(RetryBudget budget, Read<T> read) throws IOException {
        for (int tries = 1; true; tries++) {
            try {
                T got = read.get();
                budget.succeeded();
                return got;
            } catch (IOException e) {
                pause(budget, e, tries);
            }
        }
    }

    /**
     * Waits until a read may be tried again.
     *
     * @param tries that it has made
     * @throws IOException what it met, when it must not be
     */
    void pause(RetryBudget budget, IOException met, int tries) throws IOException {
        if (isFinal(met)) {
            throw met;
        }
        OptionalLong pause = isThrottling(met) ? budget.throttled(tries) : budget.failed(tries);
        if (pause.isEmpty()) {
            throw met;
        }
        count.incrementAndGet();
        try {
            Thread.sleep(pause.getAsLong());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException(met.getMessage());
        }
    }

    private static boolean isFinal(IOException e) {
        boolean interrupted = e instanceof InterruptedIOException && !(e instanceof SocketTimeoutException);
        int status = status(e);
        boolean refused =
                status >= 400 && status < SERVER_ERRORS && status != REQUEST_TIMEOUT && status != TOO_MANY_REQUESTS;
        return interrupted || refused || FINAL.stream().anyMatch(kind -> kind.isInstance(e));
    }

    private static boolean isThrottling(IOException e) {
        return status(e) == SLOW_DOWN || status(e) == TOO_MANY_REQUESTS;
    }

    /** HTTP's; 0 where there was no answer. */
    private static int status(IOException e) {
        return e instanceof AWSServiceIOException answered ? answered.statusCode() : 0;
    }
}

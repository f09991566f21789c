package io.doraxis.spark;

import java.io.PrintStream;
import java.time.Duration;
import java.util.Timer;
import java.util.TimerTask;
import java.util.function.LongSupplier;
import org.apache.spark.util.LongAccumulator;

/** Says how far a job is: one line that is rewritten on a terminal, a plain line now and then elsewhere. */
public final class Progress implements AutoCloseable {
    private static final long TERMINAL_MILLIS = 250;
    private static final long PLAIN_MILLIS = 15_000;
    private static final int BAR = 24;

    private final PrintStream out;
    private final boolean terminal;
    private final Timer timer = new Timer("doraxis-progress", true);
    private TimerTask task;
    private long total;
    private long startedNanos;
    private LongSupplier done;
    private LongSupplier failed;

    /** @param terminal whether {@code out} is one, so that lines can be rewritten */
    public Progress(PrintStream out, boolean terminal) {
        this.out = out;
        this.terminal = terminal;
    }

    void listing() {
        out.println("listing ...");
    }

    void removedUnfinishedRun(String runId) {
        out.println("removed what the unfinished run " + runId + " left");
    }

    /** @param what is counted, in the plural */
    void reading(long count, String what) {
        total = count;
        out.println("reading %,d %s ...".formatted(count, what));
    }

    void watch(LongAccumulator doneCount, LongAccumulator failedCount) {
        watch(doneCount::value, failedCount::value);
    }

    void watch(LongSupplier doneCount, LongSupplier failedCount) {
        done = doneCount;
        failed = failedCount;
        startedNanos = System.nanoTime();
        long period = terminal ? TERMINAL_MILLIS : PLAIN_MILLIS;
        task = new TimerTask() {
            @Override
            public void run() {
                print();
            }
        };
        timer.schedule(task, period, period);
    }

    private synchronized void print() {
        String line = line(done.getAsLong(), failed.getAsLong(), total, System.nanoTime() - startedNanos);
        if (terminal) {
            out.print("\r\033[K" + line);
            out.flush();
        } else {
            out.println(line);
        }
    }

    /** The line for a moment of the job. */
    static String line(long done, long failed, long total, long nanos) {
        double seconds = Math.max(nanos / 1e9, 1e-3);
        double rate = done / seconds;
        double share = total == 0 ? 1 : Math.min(1, (double) done / total);
        long left = rate == 0 ? 0 : Math.round((total - done) / rate);
        int filled = (int) (share * BAR);
        String eta = done == 0 || done >= total ? "" : ", " + duration(left) + " left";
        return "[%s%s] %,d of %,d (%.0f %%), %,.0f/s%s%s"
                .formatted(
                        "=".repeat(filled),
                        " ".repeat(BAR - filled),
                        done,
                        total,
                        100 * share,
                        rate,
                        eta,
                        failed == 0 ? "" : ", %,d unreadable".formatted(failed));
    }

    private static String duration(long seconds) {
        Duration time = Duration.ofSeconds(Math.max(0, seconds));
        return time.toHours() > 0
                ? "%d h %02d min".formatted(time.toHours(), time.toMinutesPart())
                : time.toMinutes() > 0
                        ? "%d min %02d s".formatted(time.toMinutes(), time.toSecondsPart())
                        : time.toSeconds() + " s";
    }

    void done() {
        if (task != null) {
            task.cancel();
            print();
            if (terminal) {
                out.println();
            }
        }
    }

    @Override
    public void close() {
        timer.cancel();
    }
}

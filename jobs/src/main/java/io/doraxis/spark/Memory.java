package io.doraxis.spark;

import java.util.concurrent.Semaphore;

/** What the merges of a process may hold at a time of tensors that need all their rows. */
final class Memory {
    private static final int SHIFT = 20;
    private static final int SHARE =
            (int) Math.min(Integer.MAX_VALUE, Runtime.getRuntime().maxMemory() >> SHIFT) / 2;
    private static final Semaphore FREE = new Semaphore(SHARE, true);

    private Memory() {}

    /** Waits until so many bytes are free; what is larger than all waits until nobody else has any. */
    static void take(long bytes) {
        FREE.acquireUninterruptibly(permits(bytes));
    }

    static void giveBack(long bytes) {
        FREE.release(permits(bytes));
    }

    /** Whether so many bytes may be held with others. */
    static boolean isShare(long bytes) {
        return bytes >> SHIFT < SHARE;
    }

    private static int permits(long bytes) {
        return (int) Math.min(SHARE, bytes + (1L << SHIFT) - 1 >> SHIFT);
    }
}

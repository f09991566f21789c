package io.doraxis.spark;

import io.doraxis.merge.MergeRefusedException;
import io.doraxis.merge.MergeRefusedException.Code;
import java.util.concurrent.Semaphore;

/** What the merges of a process may hold at a time of tensors that need all their rows. */
final class Memory {
    private static final int SHIFT = 20;
    private static final int SHARE =
            (int) Math.min(Integer.MAX_VALUE, Runtime.getRuntime().maxMemory() >> SHIFT) / 2;
    private static final Semaphore FREE = new Semaphore(SHARE, true);

    private Memory() {}

    /**
     * Refuses what no process like this one can hold.
     *
     * @param bytes with all that is computed from the tensor
     * @param isIndexable whether arrays can be as long as it takes
     */
    static void requireFits(String tensor, long bytes, boolean isIndexable) throws MergeRefusedException {
        long most = Runtime.getRuntime().maxMemory();
        if (bytes > most / 10 * 9 || !isIndexable) {
            throw new MergeRefusedException(
                    Code.TOO_LARGE,
                    "%s takes %,d MiB of memory, Java has %,d: give it more"
                            .formatted(tensor, bytes >> SHIFT, most >> SHIFT));
        }
    }

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

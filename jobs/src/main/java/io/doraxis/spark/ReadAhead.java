package io.doraxis.spark;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.function.ToLongFunction;

/**
 * Keeps reads in flight while a task works on what has arrived. The threads belong to the executor's JVM and are shared
 * by its tasks; each task holds a bounded number of results, and of bytes, in the order of its input.
 */
final class ReadAhead {
    private static final Map<Integer, ExecutorService> POOLS = new ConcurrentHashMap<>();

    /** A quarter of the heap for what is read ahead, shared by as many tasks as there are cores. */
    private static final long BYTES_PER_TASK =
            Runtime.getRuntime().maxMemory() / 4 / Runtime.getRuntime().availableProcessors();

    private ReadAhead() {}

    /**
     * Reads inputs ahead of the caller.
     *
     * @param bytes about how much memory the result of an input takes
     */
    static <A, B> Iterator<B> of(Iterator<A> inputs, Function<A, B> read, ToLongFunction<A> bytes, int concurrency) {
        ExecutorService pool = POOLS.computeIfAbsent(concurrency, ReadAhead::pool);
        Deque<InFlight<B>> inFlight = new ArrayDeque<>();
        return new Iterator<>() {
            private long held;

            @Override
            public boolean hasNext() {
                return !inFlight.isEmpty() || inputs.hasNext();
            }

            @Override
            public B next() {
                while (inFlight.size() < concurrency && held < BYTES_PER_TASK && inputs.hasNext()) {
                    A input = inputs.next();
                    CompletableFuture<B> result = CompletableFuture.supplyAsync(() -> read.apply(input), pool);
                    long size = bytes.applyAsLong(input);
                    inFlight.add(new InFlight<>(result, size));
                    held += size;
                }
                InFlight<B> next = inFlight.remove();
                held -= next.bytes;
                return arrived(next.result);
            }
        };
    }

    /** A task that is killed does not wait for a store that lets it wait. */
    private static <B> B arrived(Future<B> read) {
        try {
            return read.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while reading", e);
        } catch (ExecutionException e) {
            throw new CompletionException(e.getCause());
        }
    }

    private record InFlight<B>(CompletableFuture<B> result, long bytes) {}

    private static ExecutorService pool(int threads) {
        return Executors.newFixedThreadPool(threads, task -> {
            Thread thread = new Thread(task, "doraxis-read");
            thread.setDaemon(true);
            return thread;
        });
    }
}

package io.doraxis.spark;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Function;

/**
 * Keeps reads in flight while a task works on what has arrived. The threads belong to the executor's JVM and are shared
 * by its tasks; each task holds a bounded number of results, in the order of its input.
 */
final class ReadAhead {
    private static final Map<Integer, ExecutorService> POOLS = new ConcurrentHashMap<>();

    private ReadAhead() {}

    static <A, B> Iterator<B> of(Iterator<A> inputs, Function<A, B> read, int concurrency) {
        ExecutorService pool = POOLS.computeIfAbsent(concurrency, ReadAhead::pool);
        Deque<CompletableFuture<B>> inFlight = new ArrayDeque<>();
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return !inFlight.isEmpty() || inputs.hasNext();
            }

            @Override
            public B next() {
                while (inFlight.size() < concurrency && inputs.hasNext()) {
                    A input = inputs.next();
                    inFlight.add(CompletableFuture.supplyAsync(() -> read.apply(input), pool));
                }
                return inFlight.remove().join();
            }
        };
    }

    private static ExecutorService pool(int threads) {
        return Executors.newFixedThreadPool(threads, task -> {
            Thread thread = new Thread(task, "doraxis-read");
            thread.setDaemon(true);
            return thread;
        });
    }
}

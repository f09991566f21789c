package io.doraxis.spark;

import io.doraxis.merge.MergeRefusedException;
import io.doraxis.merge.TensorKernel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

/** Threads that compute blocks of a tensor, each with a kernel of its own. */
final class Lanes implements AutoCloseable {
    private final List<Lane> lanes;
    private final List<String> warnings;
    private final ExecutorService threads;

    /** One for each kernel, which it closes in the end. */
    Lanes(Kernels kernels) {
        lanes = kernels.opened().stream().map(Lane::new).toList();
        warnings = kernels.warnings();
        threads = Executors.newFixedThreadPool(lanes.size(), DaemonThreads.named("merge"));
    }

    /** How many there are. */
    int count() {
        return lanes.size();
    }

    /** Whatever computes merges and exports, what verifies them is Java on the CPU. */
    static Lanes onCpu(int threads) throws MergeRefusedException {
        MergeRequest.Settings settings =
                new MergeRequest.Settings(null, true, null, null, DeviceChoice.cpu, KernelChoice.java);
        return new Lanes(Kernels.open(threads, settings, null));
    }

    /** What one thread computes with: its kernel, and arrays that it uses again and again. */
    static final class Lane {
        final TensorKernel kernel;
        private float[] before = new float[0];
        private float[] after = new float[0];

        private Lane(TensorKernel kernel) {
            this.kernel = kernel;
        }

        /** At least that long. */
        float[] before(int length) {
            before = before.length < length ? new float[length] : before;
            return before;
        }

        /** At least that long. */
        float[] after(int length) {
            after = after.length < length ? new float[length] : after;
            return after;
        }
    }

    /** The computation of one block. */
    @FunctionalInterface
    interface Work {
        void block(int block, Lane lane) throws MergeRefusedException;
    }

    /**
     * Computes all blocks, in any order.
     *
     * @throws MergeRefusedException what the first of the blocks that failed threw
     */
    void run(int blocks, Work work) throws MergeRefusedException {
        AtomicInteger next = new AtomicInteger();
        Exception[] failures = new Exception[blocks];
        List<Future<?>> running = new ArrayList<>();
        for (Lane lane : lanes.subList(0, Math.min(lanes.size(), blocks))) {
            running.add(threads.submit(() -> {
                for (int block = next.getAndIncrement(); block < blocks; block = next.getAndIncrement()) {
                    try {
                        work.block(block, lane);
                    } catch (MergeRefusedException | RuntimeException e) {
                        failures[block] = e;
                        next.set(blocks);
                    }
                }
            }));
        }
        for (Future<?> each : running) {
            await(each);
        }
        for (Exception failure : failures) {
            if (failure instanceof MergeRefusedException refused) {
                throw refused;
            }
            if (failure != null) {
                throw (RuntimeException) failure;
            }
        }
    }

    private static void await(Future<?> running) {
        try {
            running.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("the merge was interrupted", e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw new IllegalStateException(e.getCause());
        }
    }

    /** By what, on which device, and what became of it there so far. */
    Computed computed() {
        List<String> all = new ArrayList<>(warnings);
        lanes.forEach(lane -> all.addAll(lane.kernel.warnings()));
        TensorKernel first = lanes.get(0).kernel;
        return new Computed(first.name(), first.device(), all);
    }

    @Override
    public void close() {
        threads.shutdownNow();
        lanes.forEach(lane -> lane.kernel.close());
    }
}

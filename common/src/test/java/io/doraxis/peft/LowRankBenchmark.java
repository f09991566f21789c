package io.doraxis.peft;

import io.doraxis.merge.FloatMatrix;
import io.doraxis.merge.JavaKernel;
import io.doraxis.merge.TruncatedSvd;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Stream;

/**
 * How long low-rank forms take on one thread, and how far they are off: {@code LowRankBenchmark DIR RANK...} reads the
 * layers that {@code jobs/src/test/python/interop/low_rank.py} makes, which runs it and compares. One JSON line for each
 * layer and rank; the forms themselves go to {@code DIR/fits}, for PEFT to read.
 */
public final class LowRankBenchmark {
    private static final int RUNS = 3;

    /** Of all that is measured, before it is. */
    private static final int WARM_UPS = 10;

    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

    private LowRankBenchmark() {}

    /** A result, and the least CPU time that it took: other work on the machine is no part of it. */
    private record Timed<T>(T result, double seconds) {
        static <T> Timed<T> of(Callable<T> work) throws Exception {
            T result = null;
            long least = Long.MAX_VALUE;
            for (int run = 0; run < RUNS; run++) {
                long start = THREADS.getCurrentThreadCpuTime();
                result = work.call();
                least = Math.min(least, THREADS.getCurrentThreadCpuTime() - start);
            }
            return new Timed<>(result, least / 1e9);
        }
    }

    public static void main(String[] args) throws Exception {
        int[] ranks = Stream.of(args).skip(1).mapToInt(Integer::parseInt).toArray();
        List<Path> files;
        try (Stream<Path> listed = Files.list(Path.of(args[0]))) {
            files = listed.filter(file -> file.toString().endsWith(".safetensors"))
                    .sorted()
                    .toList();
        }
        Path fits = Files.createDirectories(Path.of(args[0], "fits"));
        LossyLayer first = LossyLayers.read(files.get(0));
        for (int i = 0; i < WARM_UPS; i++) {
            for (int rank : ranks) {
                line(first, rank, fits);
            }
        }
        for (Path file : files) {
            for (int rank : ranks) {
                System.out.println(line(LossyLayers.read(file), rank, fits));
            }
        }
    }

    private static String line(LossyLayer layer, int rank, Path fits) throws Exception {
        JavaKernel kernel = new JavaKernel();
        FloatMatrix change = layer.merged().minus(layer.base());
        Timed<TruncatedSvd> svd = Timed.of(() -> TruncatedSvd.of(change, rank, kernel));
        StringBuilder line = new StringBuilder(
                String.format("{\"layer\": \"%s\", \"rank\": %d, \"svd_s\": %.5f", layer.name(), rank, svd.seconds));
        for (LossyForm form : LossyForm.values()) {
            Timed<LossyFit> fit = nearest(layer, rank, form, kernel);
            line.append(String.format(
                    ", \"%s\": %.7f, \"%s_s\": %.5f", form, fit.result.relativeError(), form, fit.seconds));
            LossyLayers.write(fit.result, fits.resolve(layer.name() + "." + rank + "." + form));
        }
        return line.append('}').toString();
    }

    /** At a rank, whatever the error. */
    private static Timed<LossyFit> nearest(LossyLayer layer, int rank, LossyForm form, JavaKernel kernel)
            throws Exception {
        LossyFitter fitter = new LossyFitter(Set.of(form), 0, rank);
        return Timed.of(() -> ((LossyOutcome.Refused) fitter.fit(layer, kernel)).nearest());
    }
}

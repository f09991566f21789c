package io.doraxis.audit;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Algorithm;
import io.doraxis.audit.CheckpointAudit.AdapterContents;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.TensorInfo;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.IntBinaryOperator;

/** What a row says of all modules or tensors of a checkpoint together. */
final class CheckpointFigures {
    private static final int ALPHAS_SHOWN = 8;

    private CheckpointFigures() {}

    static Object algorithm(CheckpointAudit audit) {
        if (audit.contents() == null) {
            return null;
        }
        Set<Algorithm> algorithms = EnumSet.noneOf(Algorithm.class);
        if (audit.adapter() != null) {
            for (AdapterModule module : audit.adapter().index().modules()) {
                if (module.isComplete()) {
                    algorithms.add(module.algorithm());
                }
            }
        }
        return algorithms.isEmpty()
                ? "NONE"
                : algorithms.size() == 1 ? algorithms.iterator().next().name() : "MIXED";
    }

    /** Of the modules' ranks the one that {@code choice} prefers; null where none has a rank. */
    static Integer rank(AdapterContents adapter, IntBinaryOperator choice) {
        Integer chosen = null;
        for (AdapterModule module : adapter.index().modules()) {
            Integer rank = module.rank();
            if (rank != null && !rank.equals(chosen)) {
                chosen = chosen == null ? rank : Integer.valueOf(choice.applyAsInt(chosen, rank));
            }
        }
        return chosen;
    }

    static String alphas(AdapterContents adapter) {
        Map<Double, Integer> counts = new TreeMap<>();
        int without = 0;
        Double last = null;
        int run = 0;
        for (AdapterModule module : adapter.index().modules()) {
            Double alpha = module.alpha();
            if (alpha == null) {
                without++;
            } else if (alpha.equals(last)) {
                run++;
            } else {
                count(counts, last, run);
                last = alpha;
                run = 1;
            }
        }
        count(counts, last, run);
        StringBuilder summary = new StringBuilder();
        counts.entrySet().stream()
                .limit(ALPHAS_SHOWN)
                .forEach(entry -> summary.append(entry.getKey())
                        .append(" x ")
                        .append(entry.getValue())
                        .append("; "));
        if (counts.size() > ALPHAS_SHOWN) {
            summary.append("and ").append(counts.size() - ALPHAS_SHOWN).append(" more; ");
        }
        if (without > 0) {
            summary.append("unknown x ").append(without).append("; ");
        }
        return summary.isEmpty() ? null : summary.substring(0, summary.length() - 2);
    }

    private static void count(Map<Double, Integer> counts, Double alpha, int run) {
        if (run > 0) {
            counts.merge(alpha, run, Integer::sum);
        }
    }

    static Object dtypes(CheckpointAudit audit) {
        if (audit.contents() == null) {
            return null;
        }
        long[] byDtype = new long[Dtype.values().length];
        for (TensorInfo tensor : audit.contents().index().tensors()) {
            byDtype[tensor.dtype().ordinal()]++;
        }
        Map<String, Long> counts = new LinkedHashMap<>();
        for (Dtype dtype : Dtype.values()) {
            if (byDtype[dtype.ordinal()] > 0) {
                counts.put(dtype.name(), byDtype[dtype.ordinal()]);
            }
        }
        return counts;
    }

    static Object parameters(CheckpointAudit audit) {
        if (audit.contents() == null) {
            return null;
        }
        long parameters = 0;
        for (TensorInfo tensor : audit.contents().index().tensors()) {
            parameters += tensor.shape().elements(); // the tensors lie within one file, so the sum fits
        }
        return parameters;
    }
}

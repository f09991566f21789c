package io.doraxis.peft;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.tensorfile.TensorInfo;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * The layers of an export that no form of PEFT's holds exactly.
 *
 * @param wanted all of them
 * @param made what they have become, by the names of their modules; none before it is computed
 */
public record Approximations(List<Wanted> wanted, Map<String, Approximation> made) {
    /** What the plan says of them begins with. */
    public static final String LOSSY = "lossy ";

    /** What it says of one that keeps its factors. */
    public static final String REFITTED = LOSSY + "refitted magnitude";

    static final Approximations NONE = new Approximations(List.of(), Map.of());

    /**
     * A layer.
     *
     * @param weight of the base
     * @param forms that it may have
     */
    public record Wanted(AdapterModule module, TensorInfo weight, Set<LossyForm> forms) {}

    /**
     * A layer as it has come out.
     *
     * @param relativeError see {@link LossyFit#relativeError}
     * @param change what that is relative to
     */
    public record Approximation(LossyForm form, int rank, double relativeError, double change) {
        public static Approximation of(LossyFit fit) {
            return new Approximation(fit.form(), fit.rank(), fit.relativeError(), fit.change());
        }
    }

    public Approximations {
        wanted = List.copyOf(wanted);
        made = new TreeMap<>(made);
    }

    public boolean isEmpty() {
        return wanted.isEmpty();
    }

    /** Of all layers together: the norm of what they are off, by the norm of what the adapter changes in them. */
    public double relativeError() {
        double squares = 0;
        double ofChange = 0;
        for (Approximation each : made.values()) {
            squares += Math.pow(each.relativeError * each.change, 2);
            ofChange += Math.pow(each.change, 2);
        }
        return squares == 0 ? 0 : Math.sqrt(squares / ofChange);
    }

    /** The module whose layer is furthest off; empty where there is none. */
    public Optional<String> worst() {
        return worstFirst().stream().findFirst();
    }

    /** Modules, those whose layers are furthest off first. */
    List<String> worstFirst() {
        return made.entrySet().stream()
                .sorted(Comparator.comparingDouble(
                        (Map.Entry<String, Approximation> entry) -> -entry.getValue().relativeError))
                .map(Map.Entry::getKey)
                .toList();
    }

    /** The errors by module. */
    public Map<String, Double> errors() {
        Map<String, Double> errors = new TreeMap<>();
        made.forEach((module, each) -> errors.put(module, each.relativeError));
        return errors;
    }
}

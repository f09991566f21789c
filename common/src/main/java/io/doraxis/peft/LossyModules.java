package io.doraxis.peft;

import io.doraxis.merge.FactoredDelta;
import io.doraxis.peft.Approximations.Approximation;
import io.doraxis.peft.Approximations.Wanted;
import java.util.IntSummaryStatistics;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Modules of an adapter that are only nearly what they were.
 *
 * @param dora whether the adapter has magnitudes
 * @param made what they have become, of those that have been computed
 */
record LossyModules(List<PlacedModule> modules, boolean dora, Map<String, Approximation> made) {
    List<Wanted> wanted() {
        return modules.stream()
                .map(placed -> new Wanted(placed.module(), placed.weight(), forms(placed)))
                .toList();
    }

    /** Factors of a true rank that are as large as their layer are not kept. */
    private Set<LossyForm> forms(PlacedModule placed) {
        if (!dora) {
            return Set.of(LossyForm.LORA);
        }
        long rows = placed.weight().shape().dim(0);
        long columns = placed.weight().shape().from(1).elements();
        boolean small = FactoredDelta.rank(placed.module()) * (rows + columns) < rows * columns;
        return small ? Set.of(LossyForm.REFITTED_MAGNITUDE, LossyForm.DORA) : Set.of(LossyForm.DORA);
    }

    /** What they have become, in words; ranks as a range, as every layer may have its own. */
    Map<PlacedModule, String> kinds() {
        IntSummaryStatistics ranks = modules.stream()
                .map(this::made)
                .filter(own -> own != null && own.form() != LossyForm.REFITTED_MAGNITUDE)
                .mapToInt(Approximation::rank)
                .summaryStatistics();
        String most = ranks.getMin() < ranks.getMax() ? " to " + ranks.getMax() : "";
        String factors = Approximations.LOSSY + (dora ? "DoRA" : "LoRA");
        Map<PlacedModule, String> kinds = new LinkedHashMap<>();
        for (PlacedModule placed : modules) {
            Approximation own = made(placed);
            if (own == null) {
                kinds.put(placed, factors);
            } else {
                boolean refitted = own.form() == LossyForm.REFITTED_MAGNITUDE;
                kinds.put(placed, refitted ? Approximations.REFITTED : factors + " of rank " + ranks.getMin() + most);
            }
        }
        return kinds;
    }

    private Approximation made(PlacedModule placed) {
        return made.get(placed.module().name());
    }
}

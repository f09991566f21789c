package io.doraxis.peft;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Role;
import io.doraxis.tensorfile.Shape;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * LyCORIS' LoKr as PEFT's, which cuts a layer's dimensions by one factor for the whole adapter: a factor is looked for that
 * gives every layer the shapes that its factors have (PEFT 0.21.2, {@code lokr/layer.py}).
 */
final class LokrExport {
    /** What both PEFT and LyCORIS call the factors. */
    static final Map<Role, String> KEYS = Map.of(
            Role.LOKR_W1, "lokr_w1",
            Role.LOKR_W1_A, "lokr_w1_a",
            Role.LOKR_W1_B, "lokr_w1_b",
            Role.LOKR_W2, "lokr_w2",
            Role.LOKR_W2_A, "lokr_w2_a",
            Role.LOKR_W2_B, "lokr_w2_b",
            Role.LOKR_T2, "lokr_t2");

    private static final int NEAR_THE_ROOT = -1;

    private LokrExport() {}

    /** Empty where no factor fits all layers. */
    static Optional<PeftAdapter> of(String folder, List<PlacedModule> modules) {
        Optional<Boolean> effective = LohaExport.effectiveConv(modules, Role.LOKR_T2);
        if (effective.isEmpty()) {
            return Optional.empty();
        }
        for (int factor : candidates(modules)) {
            for (boolean both : new boolean[] {false, true}) {
                if (modules.stream().allMatch(placed -> rank(placed, factor, both) > 0)) {
                    return Optional.of(adapter(folder, modules, factor, both, effective.get()));
                }
            }
        }
        return Optional.empty();
    }

    private static PeftAdapter adapter(
            String folder, List<PlacedModule> modules, int factor, boolean both, boolean effective) {
        List<PeftModule> exported = new ArrayList<>(modules.size());
        for (PlacedModule placed : modules) {
            int rank = rank(placed, factor, both);
            exported.add(new PeftModule(
                    placed.module(),
                    placed.path(),
                    rank,
                    LoraExport.alpha(placed.module(), rank),
                    LohaExport.tensors(placed, KEYS)));
        }
        return new PeftAdapter(
                folder,
                PeftType.LOKR,
                exported,
                List.of(
                        new PeftAdapter.Field("decompose_both", both),
                        new PeftAdapter.Field("decompose_factor", factor),
                        new PeftAdapter.Field("use_effective_conv2d", effective)));
    }

    private static Set<Integer> candidates(List<PlacedModule> modules) {
        Set<Integer> factors = new LinkedHashSet<>();
        factors.add(NEAR_THE_ROOT);
        for (PlacedModule placed : modules) {
            factors.add(Math.toIntExact(left(placed.module()).dim(0)));
            factors.add(Math.toIntExact(left(placed.module()).dim(1)));
        }
        return factors;
    }

    /** [out_l, in_m] */
    private static Shape left(AdapterModule module) {
        return module.tensors().has(Role.LOKR_W1)
                ? module.tensors().shape(Role.LOKR_W1)
                : Shape.of(
                        module.tensors().shape(Role.LOKR_W1_A).dim(0),
                        module.tensors().shape(Role.LOKR_W1_B).dim(1));
    }

    /** The rank at which PEFT makes factors of these shapes; 0 where it never does. */
    private static int rank(PlacedModule placed, int factor, boolean both) {
        AdapterModule module = placed.module();
        if (module.flattened() && placed.weights().isEmpty()) {
            return 0; // what of the columns is a kernel the base would tell
        }
        long kernel = module.flattened() ? placed.kernel().elements() : 1;
        long[] out = factorization(module.out(), factor);
        long[] in = factorization(module.in() / kernel, factor);
        Shape left = left(module);
        if (left.dim(0) != out[0] || left.dim(1) != in[0]) {
            return 0;
        }
        long leftLargest = Math.max(out[0], in[0]);
        long rightLargest = Math.max(out[1], in[1]);
        boolean leftWhole = module.tensors().has(Role.LOKR_W1);
        boolean rightWhole = module.tensors().has(Role.LOKR_W2);
        long rank;
        if (!leftWhole) {
            rank = module.tensors().shape(Role.LOKR_W1_B).dim(0);
        } else if (!rightWhole) {
            rank = module.tensors().shape(Role.LOKR_W2_B).dim(0);
        } else {
            rank = (Math.max(leftLargest, rightLargest) + 1) / 2;
        }
        boolean sameRank = rightWhole || module.tensors().shape(Role.LOKR_W2_B).dim(0) == rank;
        boolean leftMade = !(both && 2 * rank < leftLargest);
        boolean rightMade = 2 * rank >= rightLargest;
        return sameRank && leftMade == leftWhole && rightMade == rightWhole ? Math.toIntExact(rank) : 0;
    }

    /** Two numbers of that product: the factor and the rest, or as near to each other as the factor allows. */
    static long[] factorization(long dimension, int factor) {
        if (factor > 0 && dimension % factor == 0) {
            return new long[] {factor, dimension / factor};
        }
        long most = factor == NEAR_THE_ROOT ? dimension : factor;
        long small = 1;
        long large = dimension;
        while (small < large) {
            long next = small + 1;
            while (dimension % next != 0) {
                next++;
            }
            if (next + dimension / next > 1 + dimension || next > most) {
                break;
            }
            small = next;
            large = dimension / next;
        }
        return small > large ? new long[] {large, small} : new long[] {small, large};
    }
}

package io.doraxis.peft;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** LyCORIS' LoHa as PEFT's: the same keys and shapes, but for what a whole adapter must have in common. */
final class LohaExport {
    /** What both PEFT and LyCORIS call the factors. */
    static final Map<Role, String> KEYS = Map.of(
            Role.HADA_W1_A, "hada_w1_a",
            Role.HADA_W1_B, "hada_w1_b",
            Role.HADA_W2_A, "hada_w2_a",
            Role.HADA_W2_B, "hada_w2_b",
            Role.HADA_T1, "hada_t1",
            Role.HADA_T2, "hada_t2");

    private LohaExport() {}

    /** Empty where PEFT has no such adapter. */
    static Optional<PeftAdapter> of(String folder, List<PlacedModule> modules) {
        Optional<Boolean> effective = effectiveConv(modules, Role.HADA_T1);
        if (effective.isEmpty() || modules.stream().anyMatch(placed -> hasTwoRanks(placed.module()))) {
            return Optional.empty();
        }
        List<PeftModule> exported = new ArrayList<>(modules.size());
        for (PlacedModule placed : modules) {
            int rank = rank(placed.module());
            exported.add(new PeftModule(
                    placed.module(),
                    placed.path(),
                    rank,
                    LoraExport.alpha(placed.module(), rank),
                    tensors(placed, KEYS)));
        }
        return Optional.of(new PeftAdapter(
                folder,
                PeftType.LOHA,
                exported,
                List.of(new PeftAdapter.Field("use_effective_conv2d", effective.get()))));
    }

    private static int rank(AdapterModule module) {
        return Math.toIntExact(module.tensors().shape(Role.HADA_W1_B).dim(0));
    }

    private static boolean hasTwoRanks(AdapterModule module) {
        return module.tensors().shape(Role.HADA_W2_B).dim(0) != rank(module);
    }

    /**
     * Whether the two-dimensional convolutions with a kernel have a core, all of them or none; empty if some have, or if
     * there are convolutions of other dimensions.
     */
    static Optional<Boolean> effectiveConv(List<PlacedModule> modules, Role core) {
        Boolean effective = null;
        for (PlacedModule placed : modules) {
            boolean hasCore = placed.module().tensors().has(core);
            int dims = placed.kernel().rank();
            if (dims != 0 && dims != 2) {
                return Optional.empty();
            }
            boolean choice = dims == 2 && placed.kernel().elements() > 1;
            if (!choice && hasCore || choice && effective != null && effective != hasCore) {
                return Optional.empty();
            }
            effective = choice ? Boolean.valueOf(hasCore) : effective;
        }
        return Optional.of(effective != null && effective);
    }

    static List<PeftTensor> tensors(PlacedModule placed, Map<Role, String> keys) {
        List<PeftTensor> tensors = new ArrayList<>();
        for (Role role : Role.values()) {
            if (keys.containsKey(role) && placed.module().tensors().has(role)) {
                String name = AdapterIndex.PEFT_PREFIX + placed.path() + "." + keys.get(role);
                LoraExport.copy(tensors, name, placed.module(), role);
            }
        }
        return tensors;
    }
}

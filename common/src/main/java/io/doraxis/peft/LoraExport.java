package io.doraxis.peft;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Algorithm;
import io.doraxis.adapter.Role;
import io.doraxis.merge.FactoredDelta;
import io.doraxis.peft.PeftTensor.Computed;
import io.doraxis.peft.PeftTensor.Copied;
import io.doraxis.peft.PeftTensor.Value;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorInfo;
import java.util.ArrayList;
import java.util.List;

/** LoRA: factors as they are, or computed where the delta weight is another product. */
final class LoraExport {
    private LoraExport() {}

    /** @param dora whether the adapter has magnitudes: a module without one gets that which changes nothing */
    static PeftAdapter of(String folder, List<PlacedModule> modules, boolean dora) {
        List<PeftModule> exported = new ArrayList<>(modules.size());
        for (PlacedModule placed : modules) {
            exported.add(module(placed, dora));
        }
        return new PeftAdapter(folder, PeftType.LORA, exported, List.of(new PeftAdapter.Field("use_dora", dora)));
    }

    private static PeftModule module(PlacedModule placed, boolean dora) {
        AdapterModule module = placed.module();
        int rank = Math.toIntExact(FactoredDelta.rank(module));
        List<PeftTensor> tensors = new ArrayList<>();
        if (placed.isEmbedding()) {
            copy(tensors, placed.prefix() + ".lora_embedding_A", module, Role.EMBEDDING_DOWN);
            copy(tensors, placed.prefix() + ".lora_embedding_B", module, Role.EMBEDDING_UP);
        } else {
            addFactors(tensors, placed, rank);
        }
        if (dora) {
            Shape magnitude = placed.isLinear() ? Shape.of(module.out()) : placed.pointwise(1, module.out());
            tensors.add(new PeftTensor(
                    placed.prefix() + ".lora_magnitude_vector",
                    magnitude,
                    module.hasDora()
                            ? new Copied(module.magnitude().tensor())
                            : new Computed(module, Value.ROW_NORMS)));
        }
        return new PeftModule(module, placed.path(), rank, alpha(module, rank), tensors);
    }

    private static void addFactors(List<PeftTensor> tensors, PlacedModule placed, int rank) {
        AdapterModule module = placed.module();
        boolean own = module.algorithm() == Algorithm.LORA;
        boolean ownDown = own && !module.tensors().has(Role.MID);
        long columns = ownDown
                ? module.tensors().shape(Role.DOWN).from(1).elements()
                : module.in() * (module.flattened() ? 1 : placed.kernel().elements());
        tensors.add(new PeftTensor(
                placed.prefix() + ".lora_A.weight",
                placed.shape(rank, columns / placed.kernel().elements()),
                ownDown ? new Copied(module.tensors().get(Role.DOWN)) : new Computed(module, Value.RIGHT)));
        tensors.add(new PeftTensor(
                placed.prefix() + ".lora_B.weight",
                placed.pointwise(module.out(), rank),
                own ? new Copied(module.tensors().get(Role.UP)) : new Computed(module, Value.LEFT)));
    }

    static void copy(List<PeftTensor> tensors, String name, AdapterModule module, Role role) {
        TensorInfo tensor = module.tensors().get(role);
        tensors.add(new PeftTensor(name, tensor.shape(), new Copied(tensor)));
    }

    /** That gives the module's scale at a rank; the stored one where it does. */
    static double alpha(AdapterModule module, int rank) {
        boolean stored = module.alpha() != null && module.alpha() / rank == module.scale();
        return stored ? module.alpha() : module.scale() * rank;
    }
}

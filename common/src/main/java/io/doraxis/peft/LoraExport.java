package io.doraxis.peft;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Algorithm;
import io.doraxis.adapter.Role;
import io.doraxis.merge.FactoredDelta;
import io.doraxis.peft.PeftTensor.Computed;
import io.doraxis.peft.PeftTensor.Copied;
import io.doraxis.peft.PeftTensor.Scaled;
import io.doraxis.peft.PeftTensor.Value;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** LoRA: factors as they are, or computed where the delta weight is another product. */
final class LoraExport {
    private static final Pattern LEFT = Pattern.compile("\\.lora_(B\\.weight|embedding_B)$");
    private static final Pattern RIGHT = Pattern.compile("\\.lora_(A\\.weight|embedding_A)$");

    private LoraExport() {}

    /**
     * @param dora whether the adapter has magnitudes: a module without one gets that which changes nothing
     * @param folded whether alphas are in the left factors
     */
    static PeftAdapter of(String folder, List<PlacedModule> modules, boolean dora, boolean folded) {
        List<PeftModule> exported = new ArrayList<>(modules.size());
        for (PlacedModule placed : modules) {
            PeftModule own = module(placed, dora);
            exported.add(folded ? folded(own) : own);
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

    /** The same with alpha in the left factor; what is scaled is float32 then, and so is the other factor. */
    private static PeftModule folded(PeftModule module) {
        double scale = module.source().scale();
        if (scale == 1) {
            return new PeftModule(module.source(), module.path(), module.rank(), module.rank(), module.tensors());
        }
        List<PeftTensor> tensors = new ArrayList<>();
        for (PeftTensor tensor : module.tensors()) {
            boolean left = LEFT.matcher(tensor.name()).find();
            boolean right = RIGHT.matcher(tensor.name()).find();
            PeftTensor.Source source = tensor.source();
            if (source instanceof Copied own && (left || right && own.tensor().dtype() != Dtype.F32)) {
                source = new Scaled(own.tensor(), left ? scale : 1);
            } else if (left) {
                source = new Computed(module.source(), Value.SCALED_LEFT);
            }
            tensors.add(new PeftTensor(tensor.name(), tensor.shape(), source));
        }
        return new PeftModule(module.source(), module.path(), module.rank(), module.rank(), tensors);
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

package io.doraxis.peft;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Algorithm;
import io.doraxis.adapter.Role;
import io.doraxis.merge.FactoredDelta;
import io.doraxis.peft.Approximations.Approximation;
import io.doraxis.peft.PeftTensor.Computed;
import io.doraxis.peft.PeftTensor.Copied;
import io.doraxis.peft.PeftTensor.Fitted;
import io.doraxis.peft.PeftTensor.Part;
import io.doraxis.peft.PeftTensor.Scaled;
import io.doraxis.peft.PeftTensor.Value;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** LoRA: factors as they are, or computed where the delta weight is another product. */
final class LoraExport {
    private static final Pattern LEFT = Pattern.compile("\\.lora_(B\\.weight|embedding_B)$");
    private static final Pattern RIGHT = Pattern.compile("\\.lora_(A\\.weight|embedding_A)$");

    private static final String MAGNITUDE = ".lora_magnitude_vector";

    private LoraExport() {}

    /**
     * @param dora whether the adapter has magnitudes: a module without one gets that which changes nothing
     * @param folded whether alphas are in the left factors
     * @param made modules that are only nearly what they were
     */
    static PeftAdapter of(
            String folder, List<PlacedModule> modules, boolean dora, boolean folded, Map<String, Approximation> made) {
        List<PeftModule> exported = new ArrayList<>(modules.size());
        for (PlacedModule placed : modules) {
            Approximation lossy = made.get(placed.module().name());
            if (lossy != null && lossy.form() != LossyForm.REFITTED_MAGNITUDE) {
                exported.add(fitted(placed, lossy));
            } else {
                PeftModule own = module(placed, dora);
                exported.add(folded ? folded(own) : own);
            }
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
            tensors.add(new PeftTensor(placed.prefix() + MAGNITUDE, magnitude(placed), magnitudeSource(placed)));
        }
        return new PeftModule(module, placed.path(), rank, alpha(module, rank), tensors);
    }

    private static Shape magnitude(PlacedModule placed) {
        long outputs = placed.module().out();
        return placed.isLinear() ? Shape.of(outputs) : placed.pointwise(1, outputs);
    }

    private static PeftTensor.Source magnitudeSource(PlacedModule placed) {
        return switch (placed.treatment()) {
            case OUTPUT_DORA -> new Copied(placed.module().magnitude().tensor());
            case INPUT_DORA -> new Fitted(placed.module(), Part.MAGNITUDE);
            default -> new Computed(placed.module(), Value.ROW_NORMS);
        };
    }

    /** New factors, whose alpha is the rank. */
    private static PeftModule fitted(PlacedModule placed, Approximation lossy) {
        AdapterModule module = placed.module();
        List<PeftTensor> tensors = new ArrayList<>();
        tensors.add(new PeftTensor(
                placed.prefix() + ".lora_A.weight",
                placed.shape(lossy.rank(), placed.weight().shape().dim(1)),
                new Fitted(module, Part.LORA_A)));
        tensors.add(new PeftTensor(
                placed.prefix() + ".lora_B.weight",
                placed.pointwise(module.out(), lossy.rank()),
                new Fitted(module, Part.LORA_B)));
        if (lossy.form() == LossyForm.DORA) {
            tensors.add(
                    new PeftTensor(placed.prefix() + MAGNITUDE, magnitude(placed), new Fitted(module, Part.MAGNITUDE)));
        }
        return new PeftModule(module, placed.path(), lossy.rank(), lossy.rank(), tensors);
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

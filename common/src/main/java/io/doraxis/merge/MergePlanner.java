package io.doraxis.merge;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Algorithm;
import io.doraxis.adapter.LayerKind;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.merge.MergePlan.Step;
import io.doraxis.merge.MergeRefusedException.Code;
import io.doraxis.naming.BaseNames;
import io.doraxis.naming.BaseNames.Found;
import io.doraxis.naming.BaseNames.Placed;
import io.doraxis.naming.BaseNames.Resolution;
import io.doraxis.naming.BaseNames.Rows;
import io.doraxis.naming.BaseNames.Stacked;
import io.doraxis.naming.BaseWeight;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Decides which module of an adapter changes which tensor of a base model, or why it cannot. */
public final class MergePlanner {
    private static final String BASE_LAYER = ".base_layer.";

    private final Map<String, TensorInfo> base = new HashMap<>();
    private final BaseNames names;
    private final ModuleAxis assumed;
    private final boolean allowUnmatched;
    private final Strength strength;

    private final Map<String, List<Step>> weights = new LinkedHashMap<>();
    private final Map<String, List<Step>> biases = new LinkedHashMap<>();
    private final Map<String, TensorInfo> replaced = new LinkedHashMap<>();
    private final List<String> unmatched = new ArrayList<>();

    private MergePlanner(TensorIndex base, ModuleAxis assumed, boolean allowUnmatched, Strength strength) {
        base.tensors().forEach(tensor -> this.base.put(tensor.name(), tensor));
        this.names = BaseNames.of(base.tensors());
        this.assumed = assumed;
        this.allowUnmatched = allowUnmatched;
        this.strength = strength;
    }

    /**
     * Plans a merge.
     *
     * @param file the adapter's header
     * @param config null without an adapter_config.json
     * @param assumed axis of magnitudes that the file leaves open; null to refuse them
     * @param allowUnmatched whether to go on without what matches nothing
     * @throws MergeRefusedException if it cannot be done as asked
     */
    public static MergePlan plan(
            TensorIndex base,
            TensorIndex file,
            AdapterIndex adapter,
            CheckpointVerdict verdict,
            PeftConfig config,
            ModuleAxis assumed,
            boolean allowUnmatched,
            Strength strength)
            throws MergeRefusedException {
        MergePlanner planner = new MergePlanner(base, assumed, allowUnmatched, strength);
        planner.replace(file);
        for (int i = 0; i < adapter.modules().size(); i++) {
            AdapterModule module = adapter.modules().get(i);
            planner.place(module, verdict.resolved(verdict.modules().get(i)), config);
        }
        planner.addUnrecognised(adapter);
        return planner.finished();
    }

    /** Whole tensors that PEFT saved beside the factors. */
    private void replace(TensorIndex file) {
        for (TensorInfo tensor : file.tensors()) {
            if (tensor.name().startsWith(AdapterIndex.PEFT_PREFIX)) {
                String name = AdapterIndex.peftPath(tensor.name()).replace(BASE_LAYER, ".");
                TensorInfo own = base.get(name);
                if (own != null && own.shape().equals(tensor.shape())) {
                    replaced.put(name, tensor);
                }
            }
        }
    }

    private void addUnrecognised(AdapterIndex adapter) {
        List<String> others = adapter.unrecognisedNames().stream()
                .filter(name -> replaced.values().stream()
                        .noneMatch(tensor -> tensor.name().startsWith(name)))
                .toList();
        unmatched.addAll(others);
    }

    private void place(AdapterModule module, ModuleAxis resolved, PeftConfig config) throws MergeRefusedException {
        Resolution resolution = names.resolve(module.name());
        if (!(resolution instanceof Placed place)) {
            unmatched.add(module.name());
            return;
        }
        if (!module.isComplete() || module.algorithm() == Algorithm.TLORA) {
            throw new MergeRefusedException(
                    Code.UNSUPPORTED_MODULE,
                    module.name() + (module.isComplete() ? ": T-LoRA's initial product is" : ": factors are")
                            + " not in the file");
        }
        boolean product = module.algorithm() == Algorithm.LORA
                || module.algorithm() == Algorithm.LOHA
                || module.algorithm() == Algorithm.LOKR
                || module.algorithm() == Algorithm.GLORA;
        if (product && module.scale() == null) {
            throw new MergeRefusedException(Code.SCALE_UNKNOWN, module.name() + ": alpha could not be read");
        }
        ModuleAxis axis = module.hasDora() ? axis(module, resolved) : ModuleAxis.NONE;
        if (place instanceof Stacked stacked) {
            throw new MergeRefusedException(
                    Code.UNSUPPORTED_MODULE, module.name() + " fuses " + stacked + ", which is not merged yet");
        }
        put(module, axis, place, isTransposed(module, place.shape(), config));
    }

    private ModuleAxis axis(AdapterModule module, ModuleAxis resolved) throws MergeRefusedException {
        if (strength.value() != 1 && strength.rule() == null) {
            throw new MergeRefusedException(
                    Code.STRENGTH_RULE,
                    module.name() + " has a magnitude, of which programs merge a part in different ways; give"
                            + " --strength-rule lycoris, linear or peft");
        }
        return switch (resolved) {
            case INPUT, OUTPUT -> resolved;
            case AMBIGUOUS -> {
                if (assumed == null) {
                    throw new MergeRefusedException(
                            Code.AXIS_AMBIGUOUS,
                            module.name() + ": the magnitude fits both axes; give --assume-axis input or output");
                }
                yield assumed;
            }
            case NONE, INVALID ->
                throw new MergeRefusedException(
                        Code.SHAPE_MISMATCH, module.name() + ": the magnitude fits neither axis of its layer");
        };
    }

    private void put(AdapterModule module, ModuleAxis axis, Placed place, boolean transposed)
            throws MergeRefusedException {
        BaseWeight weight = place.weights().get(0);
        Shape shape = place.shape();
        check(module, shape, transposed);
        int first = place instanceof Rows rows ? Math.toIntExact(rows.first()) : 0;
        Step step = new Step(module, axis, first, Math.toIntExact(shape.dimOrOne(0)), transposed);
        add(weights, weight.name(), step);
        String bias = weight.module() + ".bias";
        if (MergedLayer.hasBias(module) && place instanceof Found && base.containsKey(bias)) {
            add(biases, bias, step);
        }
    }

    private static void add(Map<String, List<Step>> steps, String name, Step step) throws MergeRefusedException {
        List<Step> others = steps.computeIfAbsent(name, key -> new ArrayList<>(1));
        for (Step other : others) {
            if (step.firstRow() < other.firstRow() + other.rows() && other.firstRow() < step.firstRow() + step.rows()) {
                throw new MergeRefusedException(
                        Code.CONTESTED_WEIGHT,
                        step.module().name() + " and " + other.module().name() + " both mean " + name);
            }
        }
        others.add(step);
    }

    private static boolean isTransposed(AdapterModule module, Shape weight, PeftConfig config) {
        if (module.layerKind() == LayerKind.EMBEDDING) {
            return true;
        }
        boolean swapped = weight.rank() == 2 && module.in() == weight.dim(0) && module.out() == weight.dim(1);
        return swapped && (module.in() != module.out() || config != null && config.fanInFanOut());
    }

    private static void check(AdapterModule module, Shape weight, boolean transposed) throws MergeRefusedException {
        long rows = weight.dimOrOne(transposed ? 1 : 0);
        long columns = weight.dimOrOne(transposed ? 0 : 1);
        boolean fits = (module.out() <= 0 || module.out() == rows)
                && (module.in() <= 0
                        || module.in() == columns
                        || module.flattened()
                                && module.in() == columns * weight.from(2).elements());
        if (!fits) {
            throw new MergeRefusedException(
                    Code.SHAPE_MISMATCH,
                    "%s: the base weight is %s, the factors give [%d, %d]"
                            .formatted(module.name(), weight, module.out(), module.in()));
        }
    }

    private MergePlan finished() throws MergeRefusedException {
        MergePlan plan = new MergePlan(weights, biases, replaced, unmatched, strength);
        if (plan.touched() == 0) {
            throw new MergeRefusedException(
                    Code.NOTHING_MATCHED, "no module of the adapter is in the base, such as " + unmatched.get(0));
        }
        if (!unmatched.isEmpty() && !allowUnmatched) {
            throw new MergeRefusedException(
                    Code.UNMATCHED,
                    "%d names match nothing in the base, such as %s; --allow-unmatched goes on without them"
                            .formatted(unmatched.size(), unmatched.get(0)));
        }
        return plan;
    }
}

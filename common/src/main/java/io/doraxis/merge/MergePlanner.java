package io.doraxis.merge;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Algorithm;
import io.doraxis.adapter.LayerKind;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.adapter.PeftTransform;
import io.doraxis.adapter.PeftTraps;
import io.doraxis.adapter.Role;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.merge.MergePlan.Replacement;
import io.doraxis.merge.MergePlan.Step;
import io.doraxis.merge.MergeRefusedException.Code;
import io.doraxis.naming.BaseNames;
import io.doraxis.naming.BaseNames.Placed;
import io.doraxis.naming.BaseNames.Rows;
import io.doraxis.naming.BaseNames.Stacked;
import io.doraxis.naming.BaseWeight;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Decides which modules of adapters change which tensors of a base model, or why they cannot. */
public final class MergePlanner {
    private static final String BASE_LAYER = ".base_layer.";

    /** What names of weights end with, after a dot or, in open_clip's fused ones, after {@code in_proj_}. */
    private static final String WEIGHT = "weight";

    private final Map<String, TensorInfo> base = new HashMap<>();
    private final BaseNames names;
    private final ModuleAxis assumed;

    private final Map<String, List<Step>> weights = new LinkedHashMap<>();
    private final Map<String, List<Step>> biases = new LinkedHashMap<>();
    private final Map<String, Replacement> replaced = new LinkedHashMap<>();
    private final List<String> unmatched = new ArrayList<>();

    /** Modules with which PEFT computes something else than it merges. */
    private final List<String> overlapping = new ArrayList<>();

    /** Weights of layers without a bias, to which the configuration adds one. */
    private final List<String> unbiased = new ArrayList<>();

    private final List<String> notes = new ArrayList<>();

    private MergePlanner(TensorIndex base, BaseNames names, ModuleAxis assumed) {
        base.tensors().forEach(tensor -> this.base.put(tensor.name(), tensor));
        this.names = names;
        this.assumed = assumed;
    }

    /**
     * Plans a merge.
     *
     * @param adapters in the order in which they are merged
     * @param assumed axis of magnitudes that a file leaves open; null to refuse them
     * @param allowUnmatched whether to go on without what matches nothing
     * @throws MergeRefusedException if it cannot be done as asked
     */
    public static MergePlan plan(
            TensorIndex base, List<MergeAdapter> adapters, ModuleAxis assumed, boolean allowUnmatched)
            throws MergeRefusedException {
        return plan(base, BaseNames.of(base.tensors()), adapters, assumed, allowUnmatched);
    }

    /**
     * The same for a base whose names are known.
     *
     * @param names of the base's tensors
     * @throws MergeRefusedException if it cannot be done as asked
     */
    public static MergePlan plan(
            TensorIndex base, BaseNames names, List<MergeAdapter> adapters, ModuleAxis assumed, boolean allowUnmatched)
            throws MergeRefusedException {
        MergePlanner planner = new MergePlanner(base, names, assumed);
        for (int i = 0; i < adapters.size(); i++) {
            planner.add(i, adapters.get(i));
        }
        return planner.finished(adapters.size(), allowUnmatched);
    }

    private void add(int number, MergeAdapter adapter) throws MergeRefusedException {
        if (adapter.config() != null) {
            requireMergeable(adapter.config());
            PeftTraps.departures(adapter.index(), adapter.config()).forEach(finding -> notes.add(finding.detail()));
        }
        Set<String> used = new HashSet<>();
        for (TensorInfo tensor : adapter.file().tensors()) {
            String name = replacedBy(tensor);
            if (name != null) {
                weights.remove(name);
                biases.remove(name);
                replaced.put(name, new Replacement(number, tensor));
                used.add(tensor.name());
            }
        }
        List<AdapterModule> modules = adapter.index().modules();
        for (int i = 0; i < modules.size(); i++) {
            AdapterModule module = modules.get(i);
            if (names.resolve(module.name()) instanceof Placed place) {
                ModuleAxis resolved =
                        adapter.verdict().resolved(adapter.verdict().modules().get(i));
                place(number, adapter, module, resolved, place, used);
            } else {
                unmatched.add(module.name());
                module.tensors().all().forEach(tensor -> used.add(tensor.name()));
            }
        }
        adapter.file().tensors().stream()
                .map(TensorInfo::name)
                .filter(name -> !used.contains(name))
                .forEach(unmatched::add);
    }

    /** The tensor of the base that PEFT saved beside the factors, whole; null for any other tensor. */
    private String replacedBy(TensorInfo tensor) {
        if (!tensor.name().startsWith(AdapterIndex.PEFT_PREFIX)) {
            return null;
        }
        String name = AdapterIndex.peftPath(tensor.name()).replace(BASE_LAYER, ".");
        TensorInfo own = base.get(name);
        return own != null && own.shape().equals(tensor.shape()) ? name : null;
    }

    private void place(
            int number, MergeAdapter adapter, AdapterModule module, ModuleAxis resolved, Placed place, Set<String> used)
            throws MergeRefusedException {
        requireMergeable(module);
        Orientation lies = orientation(adapter, module, resolved, place.shape());
        ModuleAxis axis = lies.axis();
        boolean transposed = lies.transposed();
        if (place instanceof Stacked && (transposed || axis == ModuleAxis.INPUT || !RowMerge.isPossible(module))) {
            throw new MergeRefusedException(
                    Code.UNSUPPORTED_MODULE,
                    module.name() + " fuses " + place + ", of which each alone does not tell its part");
        }
        int moduleRow = 0;
        for (BaseWeight weight : place.weights()) {
            int first = place instanceof Rows rows ? Math.toIntExact(rows.first()) : 0;
            int count = Math.toIntExact(
                    place instanceof Stacked
                            ? weight.shape().dimOrOne(0)
                            : place.shape().dimOrOne(0));
            Step step = new Step(
                    number, module, axis, adapter.strength(), first, count, moduleRow, transposed, transform(adapter));
            if (MergedLayer.hasWeight(module)) {
                add(weights, weight.name(), step);
            }
            moduleRow += count;
            if (adapter.config() != null && adapter.config().biased() && !base.containsKey(biasOf(weight))) {
                unbiased.add(weight.name());
            }
            if (!(place instanceof Stacked)) {
                placeBias(step, weight, place.shape(), used);
            }
        }
        for (TensorInfo tensor : module.tensors().all()) {
            boolean bias = MergedLayer.hasBias(module) && tensor.equals(MergedLayer.bias(module))
                    || tensor.equals(module.tensors().get(Role.BASE_BIAS));
            if (!bias) {
                used.add(tensor.name());
            }
        }
    }

    private Orientation orientation(MergeAdapter adapter, AdapterModule module, ModuleAxis resolved, Shape weight)
            throws MergeRefusedException {
        if (PeftIa3.isOne(module) || PeftRotation.isOne(module)) {
            requireWhole(module, adapter.strength());
        }
        if (PeftIa3.isOne(module)) {
            return PeftIa3.orientation(module, weight, adapter.config());
        }
        if (PeftRotation.isOne(module)) {
            PeftRotation.requireFit(module, weight, adapter.config());
            if (PeftRotation.isOverlapping(module, weight)) {
                overlapping.add(module.name());
            }
        }
        ModuleAxis axis = module.hasDora() ? axis(module, resolved, adapter.strength()) : ModuleAxis.NONE;
        boolean transposed = isTransposed(module, weight, adapter.config());
        requireFit(module, weight, transposed);
        return new Orientation(axis, transposed);
    }

    private static PeftTransform transform(MergeAdapter adapter) {
        return adapter.config() == null ? null : adapter.config().transform();
    }

    /** @throws MergeRefusedException if a part of what PEFT knows no part of is asked for, and not by which rule */
    private static void requireWhole(AdapterModule module, Strength strength) throws MergeRefusedException {
        if (strength.value() != 1 && strength.rule() != Strength.Rule.LINEAR) {
            throw new MergeRefusedException(
                    Code.STRENGTH_RULE,
                    module.name() + ": PEFT knows no strength of " + module.algorithm() + "; --strength-rule linear"
                            + " goes that part of the way to the merged weight");
        }
    }

    /** @throws MergeRefusedException if the base's bias is of another length than the layer */
    private void placeBias(Step step, BaseWeight weight, Shape shape, Set<String> used) throws MergeRefusedException {
        AdapterModule module = step.module();
        boolean scaled = PeftIa3.isOne(module) && step.axis() == ModuleAxis.OUTPUT;
        TensorInfo bias = base.get(biasOf(weight));
        if (bias == null || !scaled && !MergedLayer.hasBias(module)) {
            return;
        }
        int outputs = Math.toIntExact(shape.dimOrOne(step.transposed() ? 1 : 0));
        boolean whole = step.firstRow() == 0 && shape.equals(weight.shape());
        boolean fits =
                whole ? bias.shape().elements() == outputs : bias.shape().elements() >= step.firstRow() + outputs;
        if (!scaled) {
            fits &= MergedLayer.bias(module).shape().elements() == outputs;
            used.add(MergedLayer.bias(module).name());
        }
        if (!fits) {
            throw new MergeRefusedException(
                    Code.SHAPE_MISMATCH,
                    "%s: the layer has %d outputs, %s is %s"
                            .formatted(module.name(), outputs, bias.name(), bias.shape()));
        }
        add(biases, bias.name(), step.ofBias(outputs));
    }

    private static String biasOf(BaseWeight weight) {
        return weight.name().substring(0, weight.name().length() - WEIGHT.length()) + "bias";
    }

    private static void requireMergeable(PeftConfig config) throws MergeRefusedException {
        if (config.unmergeable() != null) {
            throw new MergeRefusedException(Code.UNSUPPORTED_MODULE, "adapter_config.json: " + config.unmergeable());
        }
        if (config.fault() != null) {
            throw new MergeRefusedException(
                    Code.SCALE_UNKNOWN, "adapter_config.json: " + config.fault() + ", for which PEFT raises");
        }
    }

    private static void requireMergeable(AdapterModule module) throws MergeRefusedException {
        String why = null;
        if (!module.isComplete()) {
            why = "factors are not in the file";
        } else if (module.algorithm() == Algorithm.TLORA) {
            why = "T-LoRA's initial product is not in the file";
        } else if (module.tensors().hasAny(Role.SCALAR, Role.GLORA_BM, Role.LOKR_T1)) {
            why = "it has factors that no known version of LyCORIS writes";
        } else if (module.tensors().hasTwoMagnitudes()) {
            why = "it has magnitudes under two names";
        }
        if (why != null) {
            throw new MergeRefusedException(Code.UNSUPPORTED_MODULE, module.name() + ": " + why);
        }
        boolean product = switch (module.algorithm()) {
            case LORA, LOHA, LOKR, GLORA -> true;
            case FULL, NORM, IA3, OFT, BOFT, TLORA -> false;
        };
        if (product && module.scale() == null) {
            throw new MergeRefusedException(
                    Code.SCALE_UNKNOWN,
                    module.name() + ": "
                            + (module.notes().isEmpty()
                                    ? "alpha could not be read"
                                    : String.join("; ", module.notes())));
        }
    }

    private ModuleAxis axis(AdapterModule module, ModuleAxis resolved, Strength strength) throws MergeRefusedException {
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

    /** @throws MergeRefusedException if another module of the same adapter has some of its rows */
    private static void add(Map<String, List<Step>> steps, String name, Step step) throws MergeRefusedException {
        List<Step> others = steps.computeIfAbsent(name, key -> new ArrayList<>(1));
        for (Step other : others) {
            if (step.adapter() == other.adapter()
                    && step.firstRow() < other.firstRow() + other.rows()
                    && other.firstRow() < step.firstRow() + step.rows()) {
                throw new MergeRefusedException(
                        Code.CONTESTED_WEIGHT,
                        step.module().name() + " and " + other.module().name() + " both mean " + name);
            }
        }
        others.add(step);
    }

    /** Whether the base keeps the weight the other way round; only PEFT's adapters know such layers. */
    private static boolean isTransposed(AdapterModule module, Shape weight, PeftConfig config) {
        if (module.layerKind() == LayerKind.EMBEDDING) {
            return true;
        }
        boolean swapped = weight.rank() == 2 && module.in() == weight.dim(0) && module.out() == weight.dim(1);
        boolean square = module.in() == module.out();
        boolean said = config != null && config.fanInFanOut();
        return swapped && (said || config == null && !square && module.tensors().spelledAsPeft());
    }

    private static void requireFit(AdapterModule module, Shape weight, boolean transposed)
            throws MergeRefusedException {
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

    private MergePlan finished(int adapters, boolean allowUnmatched) throws MergeRefusedException {
        if (!unbiased.isEmpty()) {
            notes.add("lora_bias is true, with which PEFT does not merge into %d layers that have no bias, such as %s"
                    .formatted(unbiased.size(), unbiased.get(0)));
        }
        if (!overlapping.isEmpty()) {
            notes.add(
                    "merged as PEFT merges OFT into %d convolutions, such as %s; with the adapter loaded PEFT computes something else"
                            .formatted(overlapping.size(), overlapping.get(0)));
        }
        MergePlan plan = new MergePlan(adapters, weights, biases, replaced, unmatched, notes);
        if (plan.touched() == 0) {
            throw new MergeRefusedException(
                    Code.NOTHING_MATCHED,
                    "nothing of the adapter is in the base"
                            + (unmatched.isEmpty() ? "" : ", such as " + unmatched.get(0)));
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

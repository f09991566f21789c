package io.doraxis.peft;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Algorithm;
import io.doraxis.adapter.LayerKind;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.adapter.Role;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.merge.FactoredDelta;
import io.doraxis.naming.BaseNames;
import io.doraxis.naming.BaseNames.Found;
import io.doraxis.naming.BaseNames.Resolution;
import io.doraxis.naming.BaseNames.Unmatched;
import io.doraxis.naming.Component;
import io.doraxis.naming.ModulePath;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Decides what an adapter becomes in PEFT's layout (PEFT 0.21.2). Plain factors and DoRA on the output axis keep their
 * bytes; LoHa and LoKr stay what they are where PEFT would make factors of the same shapes, and become LoRA of their true
 * rank elsewhere.
 */
public final class ExportPlanner {
    private final BaseNames base;
    private final Map<Component, List<Placed>> components = new EnumMap<>(Component.class);
    private final List<String> unmatched = new ArrayList<>();
    private ExportOutcome worst = ExportOutcome.EXACT;
    private String reason;

    /** A module with its place. */
    record Placed(AdapterModule module, String path, Shape kernel) {
        boolean isLinear() {
            return kernel.rank() == 0;
        }

        Shape shape(long... first) {
            long[] dims = java.util.Arrays.copyOf(first, first.length + kernel.rank());
            for (int i = 0; i < kernel.rank(); i++) {
                dims[first.length + i] = kernel.dim(i);
            }
            return Shape.of(dims);
        }

        /** The same with a kernel of ones. */
        Shape pointwise(long... first) {
            long[] dims = java.util.Arrays.copyOf(first, first.length + kernel.rank());
            java.util.Arrays.fill(dims, first.length, dims.length, 1);
            return Shape.of(dims);
        }
    }

    private ExportPlanner(BaseNames base) {
        this.base = base;
    }

    /**
     * Plans an export.
     *
     * @param config null without an adapter_config.json
     * @param base names of the base model's weights; null without it: then only names that are paths can be exported
     */
    public static ExportPlan plan(
            TensorIndex file, AdapterIndex adapter, CheckpointVerdict verdict, PeftConfig config, BaseNames base) {
        if (config != null) {
            return new ExportPlan(ExportOutcome.NOT_NEEDED, "it is in PEFT's layout", List.of(), List.of());
        }
        ExportPlanner planner = new ExportPlanner(base);
        for (int i = 0; i < adapter.modules().size(); i++) {
            AdapterModule module = adapter.modules().get(i);
            if (planner.place(module)) {
                planner.judge(module, verdict.resolved(verdict.modules().get(i)));
            }
        }
        planner.addUnrecognised(file, adapter);
        return planner.finished();
    }

    /** Whether it has a place, or is in the way of one. */
    private boolean place(AdapterModule module) {
        ModulePath name = ModulePath.of(module.name());
        if (base == null) {
            String path = ModulePath.localName(module.name());
            if (path.indexOf('.') < 0) {
                unmatched.add(module.name());
                spoil(
                        ExportOutcome.EXACT_WITH_BASE,
                        module.name() + " is a flattened name: the base model tells its path (--base)");
                return false;
            }
            add(name.component(), new Placed(module, path, module.kernel()));
            return true;
        }
        Resolution resolution = base.resolve(module.name());
        if (resolution instanceof Found found) {
            String own = found.weight().module();
            Component component =
                    name.component() == Component.ANY ? ModulePath.of(own).component() : name.component();
            add(
                    component,
                    new Placed(
                            module,
                            ModulePath.localName(own),
                            found.weight().shape().from(2)));
            return true;
        }
        if (resolution instanceof Unmatched) {
            unmatched.add(module.name());
            return false;
        }
        spoil(ExportOutcome.IMPOSSIBLE, module.name() + " means no weight of its own in the base, but " + resolution);
        return false;
    }

    private void add(Component component, Placed placed) {
        components.computeIfAbsent(component, key -> new ArrayList<>()).add(placed);
    }

    private void spoil(ExportOutcome outcome, String why) {
        if (outcome.ordinal() > worst.ordinal()) {
            worst = outcome;
            reason = why;
        }
    }

    /** What stands in the way of one module, whatever the others are. */
    private void judge(AdapterModule module, ModuleAxis axis) {
        String name = module.name();
        if (!module.isComplete()) {
            spoil(ExportOutcome.IMPOSSIBLE, name + ": factors are missing");
            return;
        }
        switch (module.algorithm()) {
            case LORA, LOHA, LOKR -> judgeProduct(module, axis);
            case FULL, NORM, GLORA, OFT, BOFT, IA3 ->
                spoil(
                        ExportOutcome.EXACT_WITH_BASE,
                        name + ": PEFT has no " + module.algorithm()
                                + " of this kind; its merged weights could be saved");
            case TLORA -> spoil(ExportOutcome.IMPOSSIBLE, name + ": T-LoRA's initial product is not in the file");
        }
    }

    private void judgeProduct(AdapterModule module, ModuleAxis axis) {
        String name = module.name();
        if (module.scale() == null) {
            spoil(ExportOutcome.IMPOSSIBLE, name + ": alpha could not be read");
        } else if (module.tensors().hasAny(Role.UP_BIAS, Role.DIFF_BIAS, Role.SCALAR, Role.LOKR_T1)) {
            spoil(ExportOutcome.EXACT_WITH_BASE, name + ": it has a bias, or factors that PEFT has not");
        } else if (module.layerKind() == LayerKind.CONV && module.in() == 1 && module.out() > 1) {
            spoil(
                    ExportOutcome.IMPOSSIBLE,
                    name + ": one input channel, as in a grouped convolution, whose factors PEFT shapes otherwise");
        }
        if (module.hasDora()) {
            switch (axis) {
                case OUTPUT -> {
                    /* PEFT's own */
                }
                case INPUT ->
                    spoil(
                            ExportOutcome.EXACT_WITH_BASE,
                            name + ": DoRA on the input axis, PEFT has it on the output axis only");
                case AMBIGUOUS -> spoil(ExportOutcome.IMPOSSIBLE, name + ": the magnitude fits both axes");
                case NONE, INVALID -> spoil(ExportOutcome.IMPOSSIBLE, name + ": the magnitude fits neither axis");
            }
        }
    }

    private void addUnrecognised(TensorIndex file, AdapterIndex adapter) {
        Set<String> known = new HashSet<>();
        adapter.modules().forEach(module -> module.tensors().all().forEach(tensor -> known.add(tensor.name())));
        file.tensors().stream()
                .map(TensorInfo::name)
                .filter(name -> !known.contains(name))
                .forEach(unmatched::add);
    }

    private ExportPlan finished() {
        List<PeftAdapter> adapters = new ArrayList<>();
        if (worst == ExportOutcome.EXACT) {
            components.forEach((component, modules) -> {
                String folder = components.size() == 1 ? "" : folder(component);
                component(folder, modules).ifPresent(adapters::add);
            });
        }
        if (components.isEmpty()) {
            spoil(ExportOutcome.IMPOSSIBLE, "none of its modules has a place");
        }
        if (worst != ExportOutcome.EXACT) {
            return new ExportPlan(worst, reason, List.of(), unmatched);
        }
        return new ExportPlan(worst, described(adapters), adapters, unmatched);
    }

    private static String described(List<PeftAdapter> adapters) {
        List<String> parts = new ArrayList<>();
        for (PeftAdapter adapter : adapters) {
            boolean dora = adapter.modules().stream()
                    .anyMatch(module -> module.source().hasDora());
            parts.add(adapter.modules().size() + " modules as PEFT " + adapter.type() + (dora ? " with DoRA" : ""));
        }
        return String.join(", ", parts);
    }

    private static String folder(Component component) {
        return switch (component) {
            case DENOISER, ANY -> "unet";
            case TEXT_ENCODER -> "text_encoder";
            case TEXT_ENCODER_2 -> "text_encoder_2";
            case TEXT_ENCODER_3 -> "text_encoder_3";
        };
    }

    private Optional<PeftAdapter> component(String folder, List<Placed> modules) {
        long dora = modules.stream().filter(placed -> placed.module.hasDora()).count();
        if (dora == 0) {
            if (modules.stream().allMatch(placed -> placed.module.algorithm() == Algorithm.LOHA)) {
                Optional<PeftAdapter> loha = LohaExport.of(folder, modules);
                if (loha.isPresent()) {
                    return loha;
                }
            }
            if (modules.stream().allMatch(placed -> placed.module.algorithm() == Algorithm.LOKR)) {
                Optional<PeftAdapter> lokr = LokrExport.of(folder, modules);
                if (lokr.isPresent()) {
                    return lokr;
                }
            }
        } else if (dora < modules.size()) {
            spoil(
                    ExportOutcome.EXACT_WITH_BASE,
                    "some modules have a magnitude and some have none: PEFT's use_dora is for all");
            return Optional.empty();
        }
        List<PeftModule> exported = new ArrayList<>(modules.size());
        for (Placed placed : modules) {
            exported.add(lora(placed));
        }
        return Optional.of(
                new PeftAdapter(folder, PeftType.LORA, exported, List.of(new PeftAdapter.Field("use_dora", dora > 0))));
    }

    /** Its factors as they are, or computed where it is another product. */
    private static PeftModule lora(Placed placed) {
        AdapterModule module = placed.module;
        int rank = Math.toIntExact(FactoredDelta.rank(module));
        List<PeftTensor> tensors = new ArrayList<>();
        String prefix = AdapterIndex.PEFT_PREFIX + placed.path;
        if (module.layerKind() == LayerKind.EMBEDDING) {
            copy(tensors, prefix + ".lora_embedding_A", module, Role.EMBEDDING_DOWN);
            copy(tensors, prefix + ".lora_embedding_B", module, Role.EMBEDDING_UP);
        } else {
            boolean own = module.algorithm() == Algorithm.LORA;
            Shape up = placed.pointwise(module.out(), rank);
            long columns = own && !module.tensors().has(Role.MID)
                    ? module.tensors().shape(Role.DOWN).from(1).elements()
                    : module.in() * (module.flattened() ? 1 : placed.kernel.elements());
            Shape down = placed.shape(rank, columns / placed.kernel.elements());
            tensors.add(new PeftTensor(
                    prefix + ".lora_A.weight",
                    down,
                    own && !module.tensors().has(Role.MID)
                            ? new PeftTensor.Copied(module.tensors().get(Role.DOWN))
                            : new PeftTensor.Computed(module, PeftTensor.Side.RIGHT)));
            tensors.add(new PeftTensor(
                    prefix + ".lora_B.weight",
                    up,
                    own
                            ? new PeftTensor.Copied(module.tensors().get(Role.UP))
                            : new PeftTensor.Computed(module, PeftTensor.Side.LEFT)));
        }
        if (module.hasDora()) {
            Shape magnitude = placed.isLinear() ? Shape.of(module.out()) : placed.pointwise(1, module.out());
            tensors.add(new PeftTensor(
                    prefix + ".lora_magnitude_vector",
                    magnitude,
                    new PeftTensor.Copied(module.magnitude().tensor())));
        }
        return new PeftModule(module, placed.path, rank, alpha(module, rank), tensors);
    }

    static void copy(List<PeftTensor> tensors, String name, AdapterModule module, Role role) {
        TensorInfo tensor = module.tensors().get(role);
        tensors.add(new PeftTensor(name, tensor.shape(), new PeftTensor.Copied(tensor)));
    }

    /** That gives the module's scale at a rank; the stored one where it does. */
    static double alpha(AdapterModule module, int rank) {
        boolean stored = module.alpha() != null && module.alpha() / rank == module.scale();
        return stored ? module.alpha() : module.scale() * rank;
    }
}

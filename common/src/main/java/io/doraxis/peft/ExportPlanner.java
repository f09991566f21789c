package io.doraxis.peft;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.merge.MergeAdapter;
import io.doraxis.merge.MergePlan;
import io.doraxis.merge.MergePlanner;
import io.doraxis.merge.MergeRefusedException;
import io.doraxis.merge.Strength;
import io.doraxis.naming.BaseNames;
import io.doraxis.naming.BaseWeight;
import io.doraxis.naming.Component;
import io.doraxis.naming.ModulePath;
import io.doraxis.peft.Approximations.Approximation;
import io.doraxis.peft.Approximations.Wanted;
import io.doraxis.peft.ComponentExport.Composed;
import io.doraxis.peft.ExportPlan.Direction;
import io.doraxis.peft.ExportPlan.Refusal;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Decides what an adapter becomes in PEFT's layout (PEFT 0.21.2). Plain factors and DoRA on the output axis keep their
 * bytes; LoHa and LoKr stay what they are where PEFT would make factors of the same shapes, and become LoRA of their true
 * rank elsewhere. With a base, DoRA on the input axis has exact forms too, and all else that can be merged is saved as the
 * merged weights of its layers.
 */
public final class ExportPlanner {
    private static final List<InputAxis> FORMS = List.of(InputAxis.IA3_LORA, InputAxis.GLORA, InputAxis.FULL_WEIGHTS);

    private final ExportSource source;
    private final BaseModel base;
    private final ExportChoices choices;
    private final Map<String, Approximation> made;
    private final Map<Component, List<PlacedModule>> components = new EnumMap<>(Component.class);
    private final List<String> unmatched = new ArrayList<>();
    private final List<String> flattened = new ArrayList<>();

    /** Whether the model has grouped convolutions: which others are, only the layers themselves tell. */
    private boolean hasGroups;

    private ExportOutcome worst = ExportOutcome.EXACT;
    private Refusal refusal;
    private String reason;

    private ExportPlanner(ExportSource source, BaseModel base, ExportChoices choices, Map<String, Approximation> made) {
        this.made = made;
        this.source = source;
        this.base = base;
        this.choices = choices;
    }

    /**
     * Plans an export.
     *
     * @param base the header of the base model; null without it: then only what is exact by its names and bytes is planned
     * @param whole names of modules that are saved as the merged weights of their layers, whatever else they could be
     */
    public static ExportPlan plan(ExportSource source, TensorIndex base, ExportChoices choices, Set<String> whole) {
        return planOn(base == null ? null : new BaseModel(base), source, choices, whole, Map.of());
    }

    /**
     * The same on a base model that several exports share, when layers that are only nearly what they were have been computed.
     *
     * @param base null without it
     * @param made what the first plan's {@link ExportPlan#lossy} have become; those that are in {@code whole} do not count
     */
    public static ExportPlan planOn(
            BaseModel base,
            ExportSource source,
            ExportChoices choices,
            Set<String> whole,
            Map<String, Approximation> made) {
        if (choices.layout() instanceof ExportLayout.Lycoris lycoris) {
            return LycorisPlanner.plan(source, base, lycoris.names());
        }
        if (source.config() != null) {
            boolean same = choices.layout().equals(new ExportLayout.Peft(false));
            Optional<String> objection = same ? Optional.empty() : new PeftMeaning(source).objectionToPeft();
            if (same || objection.isPresent()) {
                return same
                        ? ExportPlan.notNeeded("it is in PEFT's layout")
                        : ExportPlan.refused(
                                ExportOutcome.IMPOSSIBLE, Refusal.NOT_EXPRESSIBLE, objection.get(), List.of());
            }
        }
        ExportPlan plan = new ExportPlanner(source, base, choices, made).planned(whole);
        boolean isFile = choices.layout() instanceof ExportLayout.Diffusers && plan.refusal() == null;
        return isFile ? DiffusersFile.of(plan) : plan;
    }

    /** How an adapter can be had in PEFT's layout by its header alone, should a base be at hand where one is needed. */
    public record Possibility(ExportOutcome outcome, String reason) {}

    /**
     * The best that an adapter can be, without a plan.
     *
     * @param config null without an adapter_config.json
     */
    public static Possibility possibility(AdapterIndex adapter, CheckpointVerdict verdict, PeftConfig config) {
        return config != null
                ? new Possibility(ExportOutcome.NOT_NEEDED, "it is in PEFT's layout")
                : Possibilities.of(adapter, verdict);
    }

    private ExportPlan planned(Set<String> whole) {
        MergePlan merge = null;
        List<AdapterModule> modules = source.adapter().modules();
        List<BaseNames.Resolution> places = new ArrayList<>(modules.size());
        for (int i = 0; i < modules.size(); i++) {
            AdapterModule module = modules.get(i);
            places.add(base == null ? null : base.names().resolve(module.name()));
            if (places.get(i) instanceof BaseNames.Unmatched) {
                unmatched.add(module.name());
            } else if (places.get(i) instanceof BaseNames.Ambiguous ambiguous) {
                spoil(
                        ExportOutcome.IMPOSSIBLE,
                        Refusal.NOT_EXPRESSIBLE,
                        module.name() + " could mean any of " + ambiguous.weights());
            } else {
                judge(module, treatment(i));
            }
        }
        if (worst == ExportOutcome.IMPOSSIBLE) {
            return refused();
        }
        if (base != null && unmatched.size() < modules.size()) {
            try {
                merge = merge();
            } catch (MergeRefusedException e) {
                spoil(ExportOutcome.IMPOSSIBLE, refusal(e.code()), e.getMessage());
                return refused();
            }
        }
        hasGroups |= base != null && base.hasGroups();
        for (int i = 0; i < modules.size(); i++) {
            place(modules.get(i), i, places.get(i), merge, whole);
        }
        unmatched.clear();
        unmatched.addAll(merge == null ? unrecognised() : merge.unmatched());
        if (components.isEmpty() && flattened.isEmpty()) {
            spoil(ExportOutcome.IMPOSSIBLE, Refusal.NOT_EXPRESSIBLE, "none of its modules has a place");
            return refused();
        }
        return composed(merge);
    }

    private Treatment treatment(int position) {
        AdapterModule module = source.adapter().modules().get(position);
        Treatment treatment = Treatment.of(module, axis(position));
        boolean scaled = module.scale() != null || !treatment.isProduct();
        return scaled ? treatment : Treatment.NO_SCALE;
    }

    private ModuleAxis axis(int position) {
        ModuleAxis axis = source.verdict().resolved(source.verdict().modules().get(position));
        boolean open = axis == ModuleAxis.AMBIGUOUS && choices.assumedAxis() != null;
        return open ? choices.assumedAxis() : axis;
    }

    private void judge(AdapterModule module, Treatment treatment) {
        hasGroups |= treatment == Treatment.GROUPED;
        if (treatment.outcome() != ExportOutcome.EXACT) {
            Refusal why = treatment == Treatment.AMBIGUOUS ? Refusal.AXIS_AMBIGUOUS : Refusal.NOT_EXPRESSIBLE;
            spoil(treatment.outcome(), why, module.name() + ": " + treatment.reason());
        }
    }

    private void spoil(ExportOutcome outcome, Refusal because, String why) {
        if (outcome.ordinal() > worst.ordinal()) {
            worst = outcome;
            refusal = because;
            reason = why;
        }
    }

    private ExportPlan refused() {
        return ExportPlan.refused(worst, refusal, reason, unmatched);
    }

    private MergePlan merge() throws MergeRefusedException {
        MergeAdapter adapter = new MergeAdapter(
                source.file(), source.adapter(), source.verdict(), source.config(), new Strength(1, null));
        return MergePlanner.plan(base.index(), base.names(), List.of(adapter), choices.assumedAxis(), true);
    }

    private static Refusal refusal(MergeRefusedException.Code code) {
        return code == MergeRefusedException.Code.SHAPE_MISMATCH ? Refusal.SHAPE_MISMATCH : Refusal.NOT_EXPRESSIBLE;
    }

    private void place(
            AdapterModule module, int position, BaseNames.Resolution resolution, MergePlan merge, Set<String> whole) {
        Component named = ModulePath.of(module.name()).component();
        if (base == null) {
            String path = ModulePath.localName(module.name());
            if (path.indexOf('.') < 0 && source.config() == null) {
                flattened.add(module.name());
            }
            add(named, module, position, path, module.kernel(), List.of(), false);
        } else if (resolution instanceof BaseNames.Placed placed) {
            List<TensorInfo> weights = placed.weights().stream()
                    .map(BaseWeight::name)
                    .map(base::tensor)
                    .toList();
            boolean layer = placed instanceof BaseNames.Found && !whole.contains(module.name());
            if (!layer) {
                spoil(
                        ExportOutcome.EXACT_WITH_BASE,
                        Refusal.NEEDS_BASE_WEIGHTS,
                        module.name() + ": exact as the merged weights of its layer");
            }
            Component own = BaseModel.component(weights.get(0));
            add(
                    named == Component.ANY ? own : named,
                    module,
                    position,
                    layer ? ModulePath.localName(BaseModel.layer(weights.get(0))) : null,
                    placed.shape().from(2),
                    weights,
                    isTransposed(module, weights.get(0), merge));
        }
    }

    private void add(
            Component component,
            AdapterModule module,
            int position,
            String path,
            Shape kernel,
            List<TensorInfo> weights,
            boolean transposed) {
        Treatment own = treatment(position);
        boolean perhapsGrouped = hasGroups && own.isProduct() && kernel.rank() > 0;
        Treatment treatment = perhapsGrouped ? Treatment.GROUPED : own;
        judge(module, treatment);
        components
                .computeIfAbsent(component, key -> new ArrayList<>())
                .add(new PlacedModule(module, treatment, axis(position), path, kernel, weights, transposed));
    }

    private static boolean isTransposed(AdapterModule module, TensorInfo weight, MergePlan merge) {
        return merge.weights().getOrDefault(weight.name(), List.of()).stream()
                .anyMatch(step -> step.module() == module && step.transposed());
    }

    private List<String> unrecognised() {
        Set<String> known = new HashSet<>();
        source.adapter()
                .modules()
                .forEach(module -> module.tensors().all().forEach(tensor -> known.add(tensor.name())));
        return source.file().tensors().stream()
                .map(TensorInfo::name)
                .filter(name -> !known.contains(name))
                .toList();
    }

    private ExportPlan composed(MergePlan merge) {
        List<ComponentExport> exports = new ArrayList<>();
        components.forEach((component, modules) -> {
            boolean named = components.size() > 1 || choices.layout() instanceof ExportLayout.Diffusers;
            String folder = named ? component.folder() : "";
            exports.add(new ComponentExport(
                    folder, modules, base, source, choices.layout().foldsAlpha(), made));
        });
        if (base == null && worst != ExportOutcome.EXACT) {
            return ExportPlan.refused(worst, Refusal.NEEDS_BASE_WEIGHTS, reason + " (--base)", unmatched);
        }
        if (!flattened.isEmpty()) {
            return ExportPlan.refused(
                    worst,
                    Refusal.NEEDS_BASE_NAMES,
                    flattened.get(0) + " is a flattened name: the base model tells its path (--base)",
                    unmatched);
        }
        List<PlacedModule> onInput = exports.stream()
                .flatMap(export -> export.onInputAxis().stream())
                .toList();
        InputAxis form = onInput.isEmpty() ? InputAxis.FULL_WEIGHTS : choices.inputAxis();
        return switch (form) {
            case REFUSE -> refusedForAxis(onInput, "give --input-axis " + offers(exports));
            case AUTO -> joined(exports.stream().map(ExportPlanner::smallest).toList(), merge);
            case GLORA, IA3_LORA, FULL_WEIGHTS, LOW_RANK ->
                joined(exports.stream().map(export -> export.as(form)).toList(), merge);
        };
    }

    private ExportPlan refusedForAxis(List<PlacedModule> modules, String advice) {
        String why = "%,d modules, such as %s: %s; %s"
                .formatted(modules.size(), modules.get(0).module().name(), Treatment.INPUT_DORA.reason(), advice);
        return ExportPlan.refused(worst, Refusal.INPUT_AXIS, why, unmatched);
    }

    /** The forms that hold any of it, with their sizes. */
    private static String offers(List<ComponentExport> exports) {
        List<String> offers = new ArrayList<>();
        for (InputAxis form : FORMS) {
            List<Composed> composed =
                    exports.stream().map(export -> export.as(form)).toList();
            if (form == InputAxis.FULL_WEIGHTS || composed.stream().anyMatch(Composed::held)) {
                long bytes = composed.stream().mapToLong(Composed::bytes).sum();
                offers.add("%s (%,d bytes)".formatted(form.option(), bytes));
            }
        }
        List<Composed> lossy =
                exports.stream().map(export -> export.as(InputAxis.LOW_RANK)).toList();
        String exact = String.join(", ", offers) + " or auto, the smallest of them, which are exact";
        return lossy.stream().noneMatch(Composed::held)
                ? exact
                : exact
                        + "; or, with --allow-lossy and --max-rel-error, %s (%,d bytes where it keeps the factors)"
                                .formatted(
                                        InputAxis.LOW_RANK.option(),
                                        lossy.stream()
                                                .mapToLong(Composed::bytes)
                                                .sum());
    }

    private static Composed smallest(ComponentExport export) {
        return FORMS.stream()
                .map(export::as)
                .min(Comparator.comparingLong(Composed::bytes))
                .orElseThrow();
    }

    private ExportPlan joined(List<Composed> parts, MergePlan merge) {
        List<PeftAdapter> adapters =
                parts.stream().flatMap(part -> part.adapters().stream()).toList();
        List<Direction> directions =
                parts.stream().flatMap(part -> part.directions().stream()).toList();
        TextEncoderNames names = new TextEncoderNames(choices.layout().naming(), base);
        Optional<String> unnamed = adapters.stream()
                .flatMap(adapter -> adapter.modules().stream()
                        .map(PeftModule::path)
                        .filter(path -> names.isOpen(adapter.component(), path)))
                .findFirst();
        if (unnamed.isPresent()) {
            return ExportPlan.refused(
                    worst,
                    Refusal.NEEDS_BASE_NAMES,
                    unnamed.get()
                            + ": transformers 5 leaves text_model out unless there is a projection, which the base"
                            + " model tells (--base)",
                    unmatched);
        }
        Optional<PeftModule> open = base != null
                ? Optional.empty()
                : adapters.stream()
                        .flatMap(adapter -> adapter.flattened().stream())
                        .findFirst();
        if (open.isPresent()) {
            return ExportPlan.refused(
                    worst,
                    Refusal.NEEDS_BASE_WEIGHTS,
                    open.get().source().name() + ": its factors do not tell the kernel of its layer (--base)",
                    unmatched);
        }
        Map<String, Integer> done = new HashMap<>();
        parts.forEach(part -> part.done().forEach((what, count) -> done.merge(what, count, Integer::sum)));
        List<PeftAdapter> named = adapters.stream().map(names::of).toList();
        List<Wanted> wanted =
                parts.stream().flatMap(part -> part.lossy().stream()).toList();
        return new ExportPlan(
                wanted.isEmpty() ? worst : ExportOutcome.LOSSY,
                described(named),
                null,
                named,
                done,
                directions,
                merge,
                unmatched,
                null,
                approximations(wanted));
    }

    /** Of those layers: others that had been computed are saved whole. */
    private Approximations approximations(List<Wanted> wanted) {
        Map<String, Approximation> own = new HashMap<>(made);
        own.keySet().retainAll(wanted.stream().map(each -> each.module().name()).collect(Collectors.toSet()));
        return new Approximations(wanted, own);
    }

    private static String described(List<PeftAdapter> adapters) {
        Map<String, Integer> parts = new LinkedHashMap<>();
        for (PeftAdapter adapter : adapters) {
            String place = adapter.folder().isEmpty() ? "" : " in " + adapter.folder();
            parts.merge(
                    "modules as PEFT " + adapter.type() + (adapter.isDora() ? " with DoRA" : "") + place,
                    adapter.modules().size(),
                    Integer::sum);
            parts.merge("layers as whole weights" + place, adapter.saved().size(), Integer::sum);
        }
        return parts.entrySet().stream()
                .filter(part -> part.getValue() > 0)
                .map(part -> part.getValue() + " " + part.getKey())
                .collect(Collectors.joining(", "));
    }
}

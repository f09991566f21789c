package io.doraxis.peft;

import io.doraxis.adapter.Algorithm;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.naming.Component;
import io.doraxis.peft.Approximations.Approximation;
import io.doraxis.peft.Approximations.Wanted;
import io.doraxis.peft.ExportPlan.Direction;
import io.doraxis.peft.PeftAdapter.SavedModule;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorInfo;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The adapters of one component. What a form cannot hold is saved as the merged weights of its layers, in the first of the
 * form's adapters.
 */
final class ComponentExport {
    private final String folder;
    private final List<PlacedModule> modules;
    private final BaseModel base;
    private final ExportSource source;
    private final boolean folded;
    private final Map<String, Approximation> made;

    /**
     * @param base null without one: then no module may need it
     * @param folded whether alphas are in the factors, which only LoRA's are
     * @param made layers that are only nearly what they were, as far as they have been computed
     */
    ComponentExport(
            String folder,
            List<PlacedModule> modules,
            BaseModel base,
            ExportSource source,
            boolean folded,
            Map<String, Approximation> made) {
        this.made = made;
        this.folded = folded;
        this.folder = folder;
        this.modules = modules;
        this.base = base;
        this.source = source;
    }

    /**
     * What is written for a component.
     *
     * @param held whether the form that was asked for holds any DoRA of the input axis
     * @param lossy layers that it holds only nearly
     */
    record Composed(
            List<PeftAdapter> adapters,
            Map<String, Integer> done,
            List<Direction> directions,
            boolean held,
            List<Wanted> lossy) {
        Composed(List<PeftAdapter> adapters, Map<String, Integer> done, List<Direction> directions, boolean held) {
            this(adapters, done, directions, held, List.of());
        }

        Composed of(Component component) {
            return new Composed(
                    adapters.stream().map(adapter -> adapter.of(component)).toList(), done, directions, held, lossy);
        }

        long bytes() {
            return adapters.stream().mapToLong(PeftAdapter::bytes).sum();
        }
    }

    /** Modules with DoRA on the input axis, whatever else they are. */
    List<PlacedModule> onInputAxis() {
        return modules.stream()
                .filter(placed -> placed.module().hasDora() && placed.axis() == ModuleAxis.INPUT)
                .toList();
    }

    private long count(Treatment treatment) {
        return modules.stream()
                .filter(placed -> placed.treatment() == treatment)
                .count();
    }

    /** @param form of DoRA on the input axis: not REFUSE and not AUTO */
    Composed as(InputAxis form) {
        Composed composed = switch (form) {
            case GLORA -> glora();
            case IA3_LORA -> loraThenIa3();
            case FULL_WEIGHTS -> own();
            case LOW_RANK -> lowRank();
            case REFUSE, AUTO -> throw new IllegalArgumentException(form + " is no form");
        };
        List<TensorInfo> weights = modules.get(0).weights();
        return weights.isEmpty() ? composed : composed.of(BaseModel.component(weights.get(0)));
    }

    /** The modules of a form, and the layers that are saved whole. */
    private record Division(List<PlacedModule> held, List<PlacedModule> whole, List<SavedModule> saved) {}

    private interface Form {
        boolean holds(PlacedModule placed);
    }

    private Division divided(Form form) {
        List<PlacedModule> held = new ArrayList<>();
        List<PlacedModule> whole = new ArrayList<>();
        Set<String> layers = new LinkedHashSet<>();
        for (PlacedModule placed : modules) {
            if (placed.path() != null && form.holds(placed)) {
                held.add(placed);
            } else {
                whole.add(placed);
                placed.weights().forEach(weight -> layers.add(BaseModel.layer(weight)));
            }
        }
        if (whole.isEmpty()) {
            return new Division(held, whole, List.of());
        }
        Set<String> saved = base.closure(layers);
        for (PlacedModule placed : List.copyOf(held)) {
            String layer = BaseModel.layer(placed.weight());
            if (saved.contains(layer) || BaseModel.isPartOf(layer, saved)) {
                held.remove(placed);
                whole.add(placed);
            }
        }
        return new Division(held, whole, saved.stream().map(base::saved).toList());
    }

    /** PEFT's own forms, and whole weights for all others. */
    private Composed own() {
        boolean dora = count(Treatment.OUTPUT_DORA) > 0;
        if (dora && base == null && count(Treatment.PRODUCT) > 0) {
            return apart();
        }
        boolean onlyVectors = count(Treatment.PRODUCT) == 0 && !dora;
        Division division = divided(placed -> switch (placed.treatment()) {
            case OUTPUT_DORA -> base == null || isMergeable(placed.kernel());
            case PRODUCT -> base == null || isMergeable(placed.kernel()) && (!dora || placed.hasDirection());
            case IA3 -> onlyVectors && isIa3(placed);
            default -> false;
        });
        List<Direction> directions = new ArrayList<>();
        for (PlacedModule placed : division.held) {
            if (dora && placed.hasDirection()) {
                directions.add(new Direction(placed.module(), ModuleAxis.OUTPUT, placed.weight()));
            }
        }
        PeftAdapter adapter = adapter(folder, division.held, dora).with(division.saved);
        Map<String, Integer> done = new HashMap<>();
        division.held.forEach(placed -> add(done, placed, adapter.type() + (dora ? " DoRA" : "")));
        addWhole(done, division);
        return new Composed(List.of(adapter), done, directions, false);
    }

    /** DoRA and what has no magnitude, without a base that would tell magnitudes which change nothing. */
    private Composed apart() {
        List<PlacedModule> dora = new ArrayList<>();
        List<PlacedModule> products = new ArrayList<>();
        Map<String, Integer> done = new HashMap<>();
        for (PlacedModule placed : modules) {
            (placed.treatment() == Treatment.OUTPUT_DORA ? dora : products).add(placed);
        }
        PeftType type = plain("", products).type();
        dora.forEach(placed -> add(done, placed, "LORA DoRA"));
        products.forEach(placed -> add(done, placed, type.name()));
        return new Composed(
                List.of(
                        LoraExport.of(inside("1-dora"), dora, true, folded, Map.of()),
                        plain(inside("2-" + type.name().toLowerCase(Locale.ROOT)), products)),
                done,
                List.of(),
                false);
    }

    private PeftAdapter adapter(String place, List<PlacedModule> held, boolean dora) {
        if (held.stream().anyMatch(placed -> placed.treatment() == Treatment.IA3)) {
            return Ia3Export.of(place, held.stream().map(this::ownVector).toList());
        }
        return dora ? LoraExport.of(place, held, true, folded, Map.of()) : plain(place, held);
    }

    /** Without magnitudes: LoHa and LoKr as such where PEFT has them. */
    private PeftAdapter plain(String place, List<PlacedModule> held) {
        Optional<PeftAdapter> same = Optional.empty();
        if (!folded && areAll(held, Algorithm.LOHA)) {
            same = LohaExport.of(place, held);
        } else if (!folded && areAll(held, Algorithm.LOKR)) {
            same = LokrExport.of(place, held);
        }
        return same.orElseGet(() -> LoraExport.of(place, held, false, folded, Map.of()));
    }

    private static boolean areAll(List<PlacedModule> modules, Algorithm algorithm) {
        return !modules.isEmpty()
                && modules.stream().allMatch(placed -> placed.module().algorithm() == algorithm);
    }

    /** Whether PEFT's IA3 is the same as LyCORIS' on that layer. */
    private boolean isIa3(PlacedModule placed) {
        return Ia3Export.hasLayer(placed)
                && (Ia3Export.isOnInput(placed.module(), source) || !base.hasBias(placed.weight()));
    }

    private Ia3Export.Vector ownVector(PlacedModule placed) {
        return new Ia3Export.Vector(placed, Ia3Export.isOnInput(placed.module(), source));
    }

    /**
     * LoRA of what the layers see, beside what is exact. PEFT has magnitudes in all modules of an adapter or in none, so
     * there are some wherever the other modules let them: DoRA of a rank is never further off than LoRA.
     */
    private Composed lowRank() {
        boolean dora = count(Treatment.OUTPUT_DORA) > 0
                || modules.stream()
                        .filter(placed -> placed.treatment() == Treatment.PRODUCT && placed.path() != null)
                        .allMatch(PlacedModule::hasDirection);
        Division division = divided(placed -> switch (placed.treatment()) {
            case OUTPUT_DORA -> isMergeable(placed.kernel());
            case PRODUCT -> isMergeable(placed.kernel()) && (!dora || placed.hasDirection());
            case INPUT_DORA -> isMergeable(placed.kernel()) && placed.hasDirection();
            default -> false;
        });
        List<Direction> directions = new ArrayList<>();
        List<PlacedModule> lossy = new ArrayList<>();
        Map<String, Integer> done = new HashMap<>();
        for (PlacedModule placed : division.held) {
            if (placed.treatment() == Treatment.INPUT_DORA) {
                lossy.add(placed);
            } else {
                if (dora && placed.hasDirection()) {
                    directions.add(new Direction(placed.module(), ModuleAxis.OUTPUT, placed.weight()));
                }
                add(done, placed, dora ? "LORA DoRA" : "LORA");
            }
        }
        if (lossy.isEmpty()) {
            return own();
        }
        LossyModules fitted = new LossyModules(lossy, dora, made);
        fitted.kinds().forEach((placed, kind) -> add(done, placed, kind));
        addWhole(done, division);
        PeftAdapter adapter =
                LoraExport.of(folder, division.held, dora, folded, made).with(division.saved);
        return new Composed(List.of(adapter), done, directions, true, fitted.wanted());
    }

    private Composed glora() {
        Division division = divided(GloraExport::holds);
        if (division.held.isEmpty()) {
            return own();
        }
        List<Direction> directions = new ArrayList<>();
        Map<String, Integer> done = new HashMap<>();
        boolean held = false;
        for (PlacedModule placed : division.held) {
            if (placed.treatment() != Treatment.PRODUCT) {
                directions.add(new Direction(placed.module(), placed.axis(), placed.weight()));
            }
            held |= placed.treatment() == Treatment.INPUT_DORA;
            add(done, placed, "GLORA");
        }
        addWhole(done, division);
        PeftAdapter adapter = GloraExport.of(folder, division.held).with(division.saved);
        return new Composed(List.of(adapter), done, directions, held);
    }

    /** The factors without magnitudes, to be merged; then what the inputs of the merged weights are multiplied by. */
    private Composed loraThenIa3() {
        Division division = divided(placed -> switch (placed.treatment()) {
            case PRODUCT -> isMergeable(placed.kernel());
            case INPUT_DORA -> isMergeable(placed.kernel()) && Ia3Export.hasLayer(placed);
            case IA3 -> Ia3Export.hasLayer(placed) && Ia3Export.isOnInput(placed.module(), source);
            default -> false;
        });
        List<PlacedModule> products = new ArrayList<>();
        List<Ia3Export.Vector> vectors = new ArrayList<>();
        List<Direction> directions = new ArrayList<>();
        Map<String, Integer> done = new HashMap<>();
        boolean held = false;
        for (PlacedModule placed : division.held) {
            boolean input = placed.treatment() == Treatment.INPUT_DORA;
            if (placed.treatment().isProduct()) {
                products.add(placed);
            }
            if (placed.treatment() != Treatment.PRODUCT) {
                vectors.add(new Ia3Export.Vector(placed, true));
            }
            if (input) {
                directions.add(new Direction(placed.module(), ModuleAxis.INPUT, placed.weight()));
            }
            held |= input;
        }
        if (!held) {
            return own();
        }
        PeftType type = plain("", products).type();
        PeftAdapter first = plain(inside("1-" + type.name().toLowerCase(Locale.ROOT)), products)
                .with(division.saved);
        for (PlacedModule placed : division.held) {
            add(
                    done,
                    placed,
                    switch (placed.treatment()) {
                        case INPUT_DORA -> type + " then IA3";
                        case IA3 -> "IA3";
                        default -> type.name();
                    });
        }
        addWhole(done, division);
        return new Composed(List.of(first, Ia3Export.of(inside("2-ia3"), vectors)), done, directions, true);
    }

    private String inside(String name) {
        return folder.isEmpty() ? name : folder + "/" + name;
    }

    /** PEFT 0.21.2 computes with LoRA on convolutions of three dimensions whose first two have one position, and fails to merge it. */
    private static boolean isMergeable(Shape kernel) {
        return kernel.rank() != 3 || kernel.dim(0) * kernel.dim(1) > 1;
    }

    private static void add(Map<String, Integer> done, PlacedModule placed, String became) {
        String magnitude = placed.axis() == ModuleAxis.INPUT ? " DoRA on inputs" : " DoRA";
        String was = placed.module().algorithm() + (placed.module().hasDora() ? magnitude : "");
        done.merge(was + " -> " + became, 1, Integer::sum);
    }

    private static void addWhole(Map<String, Integer> done, Division division) {
        division.whole.forEach(placed -> add(done, placed, "whole weights"));
    }
}

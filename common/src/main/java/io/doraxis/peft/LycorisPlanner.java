package io.doraxis.peft;

import static io.doraxis.adapter.Role.DOWN;
import static io.doraxis.adapter.Role.LOKR_W1;
import static io.doraxis.adapter.Role.LOKR_W2;
import static io.doraxis.adapter.Role.UP;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Algorithm;
import io.doraxis.adapter.LayerKind;
import io.doraxis.adapter.Role;
import io.doraxis.consumer.LycorisLoading;
import io.doraxis.merge.FactoredDelta;
import io.doraxis.naming.BaseNames;
import io.doraxis.naming.Component;
import io.doraxis.naming.ModulePath;
import io.doraxis.peft.ExportLayout.Names;
import io.doraxis.peft.ExportPlan.Refusal;
import io.doraxis.peft.PeftTensor.Computed;
import io.doraxis.peft.PeftTensor.Copied;
import io.doraxis.peft.PeftTensor.Number;
import io.doraxis.peft.PeftTensor.Scaled;
import io.doraxis.peft.PeftTensor.Value;
import io.doraxis.tensorfile.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The way back: an adapter with PEFT's keys as one file of LyCORIS' (4.1.3). Factors keep their bytes; ranks, alphas and
 * rank stabilisation become each module's own alpha, a magnitude is one on the output axis.
 */
final class LycorisPlanner {
    private static final String FILE = "lycoris.safetensors";

    private static final List<String> LOADING = List.of(
            "from lycoris import create_lycoris_from_weights",
            "",
            "network, _ = create_lycoris_from_weights(1.0, file, model)",
            "network.apply_to()");

    /** Layers of a text encoder, whose names begin with nothing that says so. */
    private static final Pattern TEXT_LAYERS = Pattern.compile("(text_model\\.)?encoder\\.(layers|block)\\.\\d+\\..*");

    private final ExportSource source;
    private final BaseModel base;
    private final Names names;
    private final PeftMeaning meaning;
    private final List<String> unmatched;

    private LycorisPlanner(ExportSource source, BaseModel base, Names names) {
        this.source = source;
        this.base = base;
        this.names = names;
        this.meaning = new PeftMeaning(source);
        this.unmatched = new ArrayList<>(meaning.ignored());
    }

    /** @param base null without one */
    static ExportPlan plan(ExportSource source, BaseModel base, Names names) {
        boolean hasKeys = source.config() == null
                && source.adapter().modules().stream()
                        .noneMatch(module -> module.tensors().spelledAsPeft());
        return hasKeys
                ? ExportPlan.notNeeded("it has LyCORIS' keys")
                : new LycorisPlanner(source, base, names).planned();
    }

    private ExportPlan planned() {
        if (meaning.objection().isPresent()) {
            return refused(meaning.objection().get());
        }
        List<PeftModule> modules = new ArrayList<>();
        Map<String, Integer> done = new HashMap<>();
        Set<String> called = new HashSet<>();
        for (AdapterModule module : meaning.adapted()) {
            Optional<String> why = objection(module);
            if (why.isPresent()) {
                return refused(module.name() + ": " + why.get());
            }
            String name = name(module);
            if (name == null) {
                unmatched.add(module.name());
                continue;
            }
            if (!called.add(name)) {
                return refused("two of its modules would be called " + name);
            }
            modules.add(converted(module, name));
            String magnitude = meaning.isDora(module) ? " DoRA" : "";
            done.merge(
                    "PEFT " + module.algorithm() + magnitude + " -> LyCORIS " + made(module) + magnitude,
                    1,
                    Integer::sum);
        }
        if (modules.isEmpty()) {
            return refused("none of its modules has a place");
        }
        SingleFile file = new SingleFile(FILE, "LyCORIS' layout", "lycoris", modules, metadata(), LOADING);
        String reason = modules.size() + " modules as LyCORIS' in one file";
        return new ExportPlan(
                ExportOutcome.EXACT,
                reason,
                null,
                List.of(),
                done,
                List.of(),
                null,
                unmatched,
                file,
                Approximations.NONE);
    }

    private ExportPlan refused(String reason) {
        return ExportPlan.refused(ExportOutcome.IMPOSSIBLE, Refusal.NOT_EXPRESSIBLE, reason, unmatched);
    }

    /** Why LyCORIS has no such module. */
    private Optional<String> objection(AdapterModule module) {
        if (module.layerKind() == LayerKind.EMBEDDING) {
            return Optional.of("LyCORIS adapts no embeddings");
        }
        if (module.scale() == 0) {
            return Optional.of("its scale is 0, and LyCORIS takes an alpha of 0 for the rank");
        }
        if (module.algorithm() == Algorithm.LORA && module.tensors().has(Role.MID)) {
            return Optional.of(Treatment.UNKNOWN_FACTORS.reason());
        }
        boolean ownForm = source.config() != null && module.algorithm() != Algorithm.LORA;
        if (ownForm && isOneDimensional(module)) {
            return Optional.of("PEFT has its own form of such factors of one-dimensional convolutions");
        }
        if (meaning.isDora(module) && !hasOutputs(module)) {
            return Optional.of("its magnitude has not as many numbers as there are outputs");
        }
        return LycorisLoading.fails(module) && kernel(module) == null
                ? Optional.of(
                        "LyCORIS 4.1.3 cannot load such factors, and for others the base tells the kernel (--base)")
                : Optional.empty();
    }

    /** Of the module's layer; null where neither its factors nor a base tell it. */
    private Shape kernel(AdapterModule module) {
        if (!module.flattened()) {
            return module.kernel();
        }
        boolean placed = base != null && base.names().resolve(module.name()) instanceof BaseNames.Placed;
        return placed
                ? ((BaseNames.Placed) base.names().resolve(module.name()))
                        .shape()
                        .from(2)
                : null;
    }

    /** PEFT's cores of those have a last dimension of one; of a full second factor it computes another product. */
    private static boolean isOneDimensional(AdapterModule module) {
        for (Role role : new Role[] {Role.HADA_T1, Role.LOKR_T2, Role.LOKR_W2}) {
            if (module.tensors().has(role)) {
                Shape shape = module.tensors().shape(role);
                return shape.rank() == 3 || shape.rank() == 4 && shape.dim(3) == 1;
            }
        }
        return false;
    }

    private static boolean hasOutputs(AdapterModule module) {
        return module.magnitude().shape().elements() == module.out();
    }

    /** Null where it has no place in the base. */
    private String name(AdapterModule module) {
        String path = AdapterIndex.peftPath(module.name());
        Component component = ModulePath.of(path).component();
        String local = names == Names.KOHYA ? ModulePath.localName(path) : path;
        if (base != null) {
            BaseNames.Resolution place = base.names().resolve(module.name());
            if (!(place instanceof BaseNames.Placed placed)) {
                return null;
            }
            Component own =
                    BaseModel.component(base.tensor(placed.weights().get(0).name()));
            component = own == Component.ANY ? component : own;
        }
        return prefix(component, local) + local.replace('.', '_');
    }

    private String prefix(Component component, String path) {
        if (names == Names.LYCORIS) {
            return "lycoris_";
        }
        return switch (component) {
            case DENOISER -> "lora_unet_";
            case TEXT_ENCODER -> hasSecondEncoder() ? "lora_te1_" : "lora_te_";
            case TEXT_ENCODER_2 -> "lora_te2_";
            case TEXT_ENCODER_3 -> "lora_te3_";
            case ANY -> isOfTextEncoder(path) ? "lora_te_" : "lora_unet_";
        };
    }

    /** Whether a path is a text encoder's, where nothing else says so. */
    static boolean isOfTextEncoder(String path) {
        return TEXT_LAYERS.matcher(path).matches();
    }

    private boolean hasSecondEncoder() {
        return base != null
                && base.index().tensors().stream()
                        .anyMatch(tensor -> BaseModel.component(tensor) == Component.TEXT_ENCODER_2);
    }

    private PeftModule converted(AdapterModule module, String name) {
        List<PeftTensor> tensors = new ArrayList<>();
        Algorithm made = made(module);
        int rank = made == module.algorithm() ? addFactors(tensors, name, module) : addProduct(tensors, name, module);
        boolean full = made == Algorithm.LOKR && module.tensors().hasAll(LOKR_W1, LOKR_W2);
        double alpha = full ? 1 : LoraExport.alpha(module, rank);
        tensors.add(new PeftTensor(name + ".alpha", Shape.of(), new Number(alpha)));
        if (meaning.isDora(module)) {
            tensors.add(new PeftTensor(
                    name + ".dora_scale",
                    magnitude(module),
                    new Copied(module.magnitude().tensor())));
        }
        return new PeftModule(module, name, rank, alpha, tensors);
    }

    private static int addFactors(List<PeftTensor> tensors, String name, AdapterModule module) {
        switch (module.algorithm()) {
            case LORA -> {
                LoraExport.copy(tensors, name + ".lora_down.weight", module, DOWN);
                LoraExport.copy(tensors, name + ".lora_up.weight", module, UP);
                return Math.toIntExact(module.tensors().shape(DOWN).dim(0));
            }
            case LOHA -> {
                copyAll(tensors, name, module, LohaExport.KEYS);
                return Math.toIntExact(module.tensors().shape(Role.HADA_W1_B).dim(0));
            }
            default -> {
                return addLokr(tensors, name, module);
            }
        }
    }

    /** What a module becomes. */
    private static Algorithm made(AdapterModule module) {
        return LycorisLoading.fails(module) ? Algorithm.LORA : module.algorithm();
    }

    /** Factors that LyCORIS' loader does not find again, as one product of the same worth. */
    private int addProduct(List<PeftTensor> tensors, String name, AdapterModule module) {
        int rank = Math.toIntExact(FactoredDelta.rank(module));
        Shape kernel = kernel(module);
        long[] down = Arrays.copyOf(new long[] {rank, 0}, 2 + kernel.rank());
        long[] up = Arrays.copyOf(new long[] {module.out(), rank}, down.length);
        down[1] = module.in() / (module.flattened() ? kernel.elements() : 1);
        for (int i = 0; i < kernel.rank(); i++) {
            down[2 + i] = kernel.dim(i);
            up[2 + i] = 1;
        }
        tensors.add(new PeftTensor(name + ".lora_down.weight", Shape.of(down), new Computed(module, Value.RIGHT)));
        tensors.add(new PeftTensor(name + ".lora_up.weight", Shape.of(up), new Computed(module, Value.LEFT)));
        return rank;
    }

    private static void copyAll(List<PeftTensor> tensors, String name, AdapterModule module, Map<Role, String> keys) {
        for (Role role : Role.values()) {
            if (keys.containsKey(role) && module.tensors().has(role)) {
                LoraExport.copy(tensors, name + "." + keys.get(role), module, role);
            }
        }
    }

    /** LyCORIS scales two full factors by nothing, so their scale goes into the first. */
    private static int addLokr(List<PeftTensor> tensors, String name, AdapterModule module) {
        copyAll(tensors, name, module, LokrExport.KEYS);
        boolean full = module.tensors().hasAll(LOKR_W1, LOKR_W2);
        if (full && module.scale() != 1) {
            tensors.removeIf(tensor -> tensor.name().endsWith(".lokr_w1"));
            tensors.add(new PeftTensor(
                    name + ".lokr_w1",
                    module.tensors().shape(LOKR_W1),
                    new Scaled(module.tensors().get(LOKR_W1), module.scale())));
        }
        Role rows = module.tensors().has(Role.LOKR_W2_B) ? Role.LOKR_W2_B : Role.LOKR_W1_B;
        return full ? 1 : Math.toIntExact(module.tensors().shape(rows).dim(0));
    }

    /** A number for each output, in as many dimensions as the weight has. */
    private static Shape magnitude(AdapterModule module) {
        long[] dims = new long[2 + module.kernel().rank()];
        Arrays.fill(dims, 1);
        dims[0] = module.out();
        return Shape.of(dims);
    }

    /** What trainers write of an adapter, as far as it is known. */
    private Map<String, String> metadata() {
        Map<String, String> args = new LinkedHashMap<>();
        Algorithm algorithm = meaning.adapted().get(0).algorithm();
        args.put("algo", algorithm.name().toLowerCase(Locale.ROOT));
        if (meaning.adapted().stream().anyMatch(meaning::isDora)) {
            args.put("dora_wd", "True");
            args.put("wd_on_output", "True");
        }
        StringBuilder json = new StringBuilder();
        args.forEach((key, value) -> json.append(json.isEmpty() ? "{" : ", ")
                .append('"')
                .append(key)
                .append("\": \"")
                .append(value)
                .append('"'));
        return Map.of(
                "ss_network_module",
                "lycoris.kohya",
                "ss_network_args",
                json.append('}').toString());
    }
}

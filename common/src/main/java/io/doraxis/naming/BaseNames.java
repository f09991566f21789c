package io.doraxis.naming;

import io.doraxis.tensorfile.TensorInfo;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;

/**
 * Finds the weight of a base model that an adapter's module belongs to. Names match with or without what names the
 * component on either side, and with or without transformers' {@code text_model}; what could mean two weights is
 * ambiguous, whatever their shapes.
 */
public final class BaseNames implements Serializable {
    private static final long serialVersionUID = 1;
    private static final String WEIGHT = ".weight";
    private static final String TEXT_MODEL = "text_model_";

    private record Candidate(Component component, BaseWeight weight) implements Serializable {}

    private final HashMap<String, ArrayList<Candidate>> byPath = new HashMap<>();

    private BaseNames() {}

    /** What became of a name. */
    public sealed interface Resolution {}

    /** It means that weight. */
    public record Found(BaseWeight weight) implements Resolution {}

    /** It could mean each of these. */
    public record Ambiguous(List<BaseWeight> weights) implements Resolution {
        public Ambiguous {
            weights = List.copyOf(weights);
        }
    }

    /** The base has nothing of that name. */
    public record Unmatched() implements Resolution {}

    /** The weights of a base model, by its header; biases and the like follow their weights. */
    public static BaseNames of(List<TensorInfo> tensors) {
        BaseNames names = new BaseNames();
        for (TensorInfo tensor : tensors) {
            if (tensor.name().endsWith(WEIGHT)) {
                names.add(new BaseWeight(tensor.name(), tensor.shape()));
            }
        }
        return names;
    }

    private void add(BaseWeight weight) {
        ModulePath path = ModulePath.of(weight.module());
        Candidate candidate = new Candidate(path.component(), weight);
        put(path.path(), candidate);
        if (path.component() != Component.ANY) {
            put(weight.module().replace('.', '_'), candidate);
        }
        if (path.path().startsWith(TEXT_MODEL)) { // transformers 5 calls them without
            put(path.path().substring(TEXT_MODEL.length()), candidate);
        }
    }

    private void put(String path, Candidate candidate) {
        List<Candidate> known = byPath.computeIfAbsent(path, key -> new ArrayList<>(1));
        if (!known.contains(candidate)) {
            known.add(candidate);
        }
    }

    /** The weight of an adapter's module, by the module's name in the adapter. */
    public Resolution resolve(String module) {
        ModulePath path = ModulePath.of(module);
        Resolution exact = among(path.component(), path.path());
        if (!(exact instanceof Unmatched) || !path.path().startsWith(TEXT_MODEL)) {
            return exact;
        }
        return among(path.component(), path.path().substring(TEXT_MODEL.length()));
    }

    private Resolution among(Component component, String path) {
        List<BaseWeight> fitting = new ArrayList<>(1);
        List<BaseWeight> sameComponent = new ArrayList<>(1);
        for (Candidate candidate : byPath.getOrDefault(path, new ArrayList<>(0))) {
            if (component.agrees(candidate.component)) {
                fitting.add(candidate.weight);
            }
            if (component == candidate.component) {
                sameComponent.add(candidate.weight);
            }
        }
        if (sameComponent.size() == 1) {
            return new Found(sameComponent.get(0));
        }
        return switch (fitting.size()) {
            case 0 -> new Unmatched();
            case 1 -> new Found(fitting.get(0));
            default -> new Ambiguous(fitting);
        };
    }
}

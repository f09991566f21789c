package io.doraxis.naming;

import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorInfo;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Finds the weight of a base model that an adapter's module belongs to. Names match with or without what names the
 * component on either side, and with or without transformers' {@code text_model}. A name that the base does not have may
 * be the other naming's, diffusers' or the first code's, of the same model. What could mean two weights is ambiguous,
 * whatever their shapes.
 */
public final class BaseNames implements Serializable {
    private static final long serialVersionUID = 1;
    private static final String WEIGHT = ".weight";
    private static final String TEXT_MODEL = "text_model_";

    /** Layers of T5: its number among the text encoders is the trainer's choice, 2 for OneTrainer and 3 for kohya. */
    private static final String T5 = "encoder_block_";

    private record Candidate(Component component, Placed place) implements Serializable {}

    /** By the base's own names. */
    private final HashMap<String, ArrayList<Candidate>> own = new HashMap<>();

    /** By names of the same model that the base does not use: looked at where none of its own fits. */
    private final HashMap<String, ArrayList<Candidate>> other = new HashMap<>();

    private BaseNames() {}

    /** What became of a name. */
    public sealed interface Resolution {}

    /** It has one place in the base. */
    public sealed interface Placed extends Resolution, Serializable {
        /** In the order of their rows. */
        List<BaseWeight> weights();

        /** Of the weight as the module has it. */
        Shape shape();
    }

    /** It means that weight. */
    public record Found(BaseWeight weight) implements Placed {
        @Override
        public List<BaseWeight> weights() {
            return List.of(weight);
        }

        @Override
        public Shape shape() {
            return weight.shape();
        }

        @Override
        public String toString() {
            return weight.name();
        }
    }

    /**
     * It means some rows of a weight in which the base fuses several layers.
     *
     * @param first the first of them, from 0
     */
    public record Rows(BaseWeight weight, long first, long count) implements Placed {
        @Override
        public List<BaseWeight> weights() {
            return List.of(weight);
        }

        @Override
        public Shape shape() {
            return withRows(weight.shape(), count);
        }

        @Override
        public String toString() {
            return weight.name() + " rows " + first + "-" + (first + count - 1);
        }
    }

    /** It fuses several layers of the base: its rows are theirs, one weight after the other. */
    public record Stacked(List<BaseWeight> weights) implements Placed {
        public Stacked {
            weights = List.copyOf(weights);
        }

        @Override
        public Shape shape() {
            return withRows(
                    weights.get(0).shape(),
                    weights.stream()
                            .mapToLong(weight -> weight.shape().dimOrOne(0))
                            .sum());
        }

        @Override
        public String toString() {
            return weights.stream().map(BaseWeight::name).collect(Collectors.joining(" + "));
        }
    }

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
        List<BaseWeight> weights = new ArrayList<>();
        for (TensorInfo tensor : tensors) {
            BaseWeight weight = new BaseWeight(tensor.name(), tensor.shape());
            if (tensor.name().endsWith(WEIGHT)) {
                names.add(weight);
                weights.add(weight);
            } else if (OtherNames.isFused(tensor.name())) {
                weights.add(weight);
            }
        }
        for (OtherNames.Other module : OtherNames.of(weights)) {
            put(names.other, module.path(), new Candidate(module.component(), module.place()));
        }
        return names;
    }

    private static Shape withRows(Shape shape, long rows) {
        long[] dims = shape.toArray();
        dims[0] = rows;
        return Shape.of(dims);
    }

    private void add(BaseWeight weight) {
        ModulePath path = ModulePath.of(weight.module());
        Candidate candidate = new Candidate(path.component(), new Found(weight));
        put(own, path.path(), candidate);
        if (path.component() != Component.ANY) {
            put(own, weight.module().replace('.', '_'), candidate);
        }
    }

    private static void put(Map<String, ArrayList<Candidate>> namespace, String path, Candidate candidate) {
        add(namespace, path, candidate);
        if (path.startsWith(TEXT_MODEL)) { // transformers 5 calls them without
            add(namespace, path.substring(TEXT_MODEL.length()), candidate);
        }
    }

    private static void add(Map<String, ArrayList<Candidate>> namespace, String path, Candidate candidate) {
        List<Candidate> known = namespace.computeIfAbsent(path, key -> new ArrayList<>(1));
        if (!known.contains(candidate)) {
            known.add(candidate);
        }
    }

    /** The weight of an adapter's module, by the module's name in the adapter. */
    public Resolution resolve(String module) {
        ModulePath path = ModulePath.of(module);
        Resolution named = resolve(path.component(), path.path());
        if (!(named instanceof Unmatched) || !path.path().startsWith(T5)) {
            return named;
        }
        return switch (path.component()) {
            case TEXT_ENCODER_2 -> resolve(Component.TEXT_ENCODER_3, path.path());
            case TEXT_ENCODER_3 -> resolve(Component.TEXT_ENCODER_2, path.path());
            default -> named;
        };
    }

    private Resolution resolve(Component component, String path) {
        Resolution resolution = among(own, component, path);
        if (resolution instanceof Unmatched && path.startsWith(TEXT_MODEL)) {
            resolution = among(own, component, path.substring(TEXT_MODEL.length()));
        }
        return resolution instanceof Unmatched ? among(other, component, path) : resolution;
    }

    private static Resolution among(Map<String, ArrayList<Candidate>> namespace, Component component, String path) {
        List<Placed> fitting = new ArrayList<>(1);
        List<Placed> sameComponent = new ArrayList<>(1);
        for (Candidate candidate : namespace.getOrDefault(path, new ArrayList<>(0))) {
            if (component.agrees(candidate.component)) {
                fitting.add(candidate.place);
            }
            if (component == candidate.component) {
                sameComponent.add(candidate.place);
            }
        }
        if (sameComponent.size() == 1) {
            return sameComponent.get(0);
        }
        return switch (fitting.size()) {
            case 0 -> new Unmatched();
            case 1 -> fitting.get(0);
            default ->
                new Ambiguous(fitting.stream()
                        .flatMap(place -> place.weights().stream())
                        .toList());
        };
    }
}

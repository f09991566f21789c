package io.doraxis.dora;

import io.doraxis.naming.BaseNames;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorInfo;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The norms of base models' weights, by model and weight. */
public final class Atlas implements Serializable {
    private static final long serialVersionUID = 1;
    /**
     * One model of the atlas.
     *
     * @param uri its name in the atlas
     * @param norms by the names of its weights' tensors
     */
    public record Base(String uri, BaseNames names, Map<String, WeightNorms> norms) implements Serializable {}

    private final ArrayList<Base> bases;

    private Atlas(List<Base> bases) {
        this.bases = new ArrayList<>(bases);
    }

    public List<Base> bases() {
        return Collections.unmodifiableList(bases);
    }

    /** Gathers an atlas from its rows. */
    public static final class Builder {
        private final Map<String, Map<String, WeightNorms>> byBase = new HashMap<>();
        private final Map<String, List<TensorInfo>> weights = new HashMap<>();

        /** @param module as in the atlas: the weight's name without {@code .weight} */
        public Builder add(String base, String module, Shape shape, WeightNorms norms) {
            String name = module + ".weight";
            byBase.computeIfAbsent(base, key -> new HashMap<>()).put(name, norms);
            weights.computeIfAbsent(base, key -> new ArrayList<>())
                    .add(new TensorInfo(name, Dtype.F32, shape, TensorInfo.NOWHERE, TensorInfo.NOWHERE));
            return this;
        }

        public Atlas build() {
            List<Base> bases = new ArrayList<>();
            byBase.keySet().stream()
                    .sorted()
                    .forEach(base -> bases.add(new Base(base, BaseNames.of(weights.get(base)), byBase.get(base))));
            return new Atlas(bases);
        }
    }
}

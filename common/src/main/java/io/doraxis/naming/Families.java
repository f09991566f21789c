package io.doraxis.naming;

import io.doraxis.tensorfile.Shape;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntFunction;

/**
 * Recognises the base model of a file from names and shapes of its layers, in the names of diffusers, of the models'
 * first code, of transformers 4 and 5. There is no default: a file that fits none has none.
 */
public final class Families {
    /** Layers to look at: evenly spread over the file, they tell as much as all. */
    private static final int SAMPLE = 64;

    private static final double FITTING_SHARE = 0.8;

    /**
     * One layer.
     *
     * @param out rows of its weight; 0 where the file does not say
     * @param in columns of its weight, per group; 0 where the file does not say
     * @param flattened whether {@code in} may include the kernel
     */
    public record Layer(String name, long out, long in, boolean flattened) {}

    /** A module of that name in one family's naming. */
    private record Known(int naming, Shape shape) {}

    private static final class Index {
        /** The family of each naming. */
        final List<ModelFamily> namings = new ArrayList<>();

        /** Of each naming, how many modules have a name that differs in numbers only. */
        final List<Map<String, Integer>> kinds = new ArrayList<>();

        final Map<String, List<Known>> byPath = new HashMap<>();

        Index() {
            FamilyModules.all().forEach((family, modules) -> {
                add(family, modules);
                add(family, OriginalNames.of(family, modules));
            });
        }

        private void add(ModelFamily family, Map<String, Shape> modules) {
            int naming = namings.size();
            Map<String, Integer> kinds = new HashMap<>();
            modules.forEach((name, shape) -> {
                String path = name.replace('.', '_');
                byPath.computeIfAbsent(path, key -> new ArrayList<>(1)).add(new Known(naming, shape));
                kinds.merge(kind(path), 1, Integer::sum);
            });
            this.namings.add(family);
            this.kinds.add(kinds);
        }
    }

    /** Made when the first file is looked at. */
    private static final class Holder {
        static final Index INDEX = new Index();
    }

    private Families() {}

    /**
     * The family that the layers fit; those of the denoiser decide where there are any.
     *
     * @param count number of layers
     * @param layer by its position; few of them are asked for
     */
    public static Optional<FamilyMatch> match(int count, IntFunction<Layer> layer) {
        List<Layer> sample = sample(count, layer);
        int[] fitting = new int[Holder.INDEX.namings.size()];
        int denoisers = 0;
        List<ModulePath> paths = new ArrayList<>(sample.size());
        for (Layer each : sample) {
            ModulePath path = ModulePath.of(each.name);
            paths.add(path);
            denoisers += path.component() == Component.DENOISER ? 1 : 0;
        }
        int looked = 0;
        for (int i = 0; i < sample.size(); i++) {
            if (denoisers > 0 && paths.get(i).component() != Component.DENOISER) {
                continue;
            }
            if (sample.get(i).out <= 0 && sample.get(i).in <= 0) {
                continue; // a name alone proves nothing: every family of language models has the same
            }
            looked++;
            for (Known known : Holder.INDEX.byPath.getOrDefault(paths.get(i).path(), List.of())) {
                if (fits(sample.get(i), known.shape)) {
                    fitting[known.naming]++;
                }
            }
        }
        return best(fitting, looked, count, layer);
    }

    /** The family that a model's weights fit. */
    public static Optional<FamilyMatch> match(List<BaseWeight> weights) {
        return match(weights.size(), i -> {
            BaseWeight weight = weights.get(i);
            return new Layer(
                    weight.module(), weight.shape().dimOrOne(0), weight.shape().dimOrOne(1), false);
        });
    }

    private static List<Layer> sample(int count, IntFunction<Layer> layer) {
        int size = Math.min(count, SAMPLE);
        List<Layer> sample = new ArrayList<>(size);
        for (int i = 0; i < size; i++) {
            sample.add(layer.apply((int) ((long) i * count / size)));
        }
        return sample;
    }

    private static boolean fits(Layer layer, Shape weight) {
        if (layer.out > 0 && layer.out != weight.dim(0)) {
            return false;
        }
        long in = weight.dimOrOne(1);
        return layer.in <= 0
                || layer.in == in
                || layer.flattened && layer.in == in * weight.from(2).elements();
    }

    private static Optional<FamilyMatch> best(int[] fitting, int looked, int count, IntFunction<Layer> layer) {
        int most = 0;
        for (int fits : fitting) {
            most = Math.max(most, fits);
        }
        if (most == 0 || most < FITTING_SHARE * looked) {
            return Optional.empty();
        }
        List<Integer> namings = new ArrayList<>();
        for (int i = 0; i < fitting.length; i++) {
            if (fitting[i] == most) {
                namings.add(i);
            }
        }
        Set<ModelFamily> families = families(namings);
        if (families.size() > 1) {
            Set<ModelFamily> complete = families(complete(namings, count, layer));
            families = complete.size() == 1 ? complete : families;
        }
        return Optional.of(new FamilyMatch(families, most, looked));
    }

    private static Set<ModelFamily> families(List<Integer> namings) {
        Set<ModelFamily> families = EnumSet.noneOf(ModelFamily.class);
        namings.forEach(naming -> families.add(Holder.INDEX.namings.get(naming)));
        return families;
    }

    /**
     * Those of which the file has each block: Flux and HunyuanVideo differ in the number of theirs only, and a trainer
     * adapts a layer in all blocks or in a few.
     */
    private static List<Integer> complete(List<Integer> namings, int count, IntFunction<Layer> layer) {
        Map<String, Integer> kinds = new HashMap<>();
        for (int i = 0; i < count; i++) {
            kinds.merge(kind(ModulePath.of(layer.apply(i).name).path()), 1, Integer::sum);
        }
        List<Integer> complete = new ArrayList<>();
        for (int naming : namings) {
            Map<String, Integer> known = Holder.INDEX.kinds.get(naming);
            boolean all = true;
            for (Map.Entry<String, Integer> kind : kinds.entrySet()) {
                Integer wanted = known.get(kind.getKey());
                all &= wanted == null || wanted.equals(kind.getValue());
            }
            if (all) {
                complete.add(naming);
            }
        }
        return complete;
    }

    /** A path with # for each number. */
    private static String kind(String path) {
        StringBuilder kind = new StringBuilder(path.length());
        for (int i = 0; i < path.length(); i++) {
            char c = path.charAt(i);
            if (!Character.isDigit(c)) {
                kind.append(c);
            } else if (i == 0 || !Character.isDigit(path.charAt(i - 1))) {
                kind.append('#');
            }
        }
        return kind.toString();
    }
}

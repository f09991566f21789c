package io.doraxis.spark;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.Role;
import io.doraxis.audit.CheckpointAudit.Contents;
import io.doraxis.dora.AxisClassifier;
import io.doraxis.merge.MergeAdapter;
import io.doraxis.merge.MergePlan;
import io.doraxis.merge.MergePlanner;
import io.doraxis.merge.MergeRefusedException;
import io.doraxis.merge.MergeRefusedException.Code;
import io.doraxis.merge.OutputTensor;
import io.doraxis.merge.Strength;
import io.doraxis.naming.Component;
import io.doraxis.naming.ModulePath;
import io.doraxis.peft.ExportPlan;
import io.doraxis.peft.LossyErrors;
import io.doraxis.peft.PeftAdapter;
import io.doraxis.peft.TextEncoderNames;
import io.doraxis.peft.WrittenLayer;
import io.doraxis.store.ObjectStore;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntFunction;

/**
 * Reads what an export wrote, as a merge reads a PEFT directory, and compares the weights that it is worth with those that
 * its source is worth: tensor by tensor, of all that either of them changes.
 */
final class ExportVerifier {
    private static final String WEIGHT = ".weight";

    /** Of an error that is stated, and one that is found. */
    private static final double AGREEMENT = 0.01;

    /** Of an element in float32, a few times over. */
    static final double ROUNDING = 0x1p-22;

    private final ObjectStore store;
    private final ExportInputs inputs;
    private final TensorIndex base;
    private final Lanes lanes;
    private final TextEncoderNames names;
    private final Map<String, Double> stated = new HashMap<>();

    ExportVerifier(ObjectStore store, ExportInputs inputs, TensorIndex base, TextEncoderNames names, Lanes lanes) {
        this.names = names;
        this.store = store;
        this.inputs = inputs;
        this.base = base;
        this.lanes = lanes;
    }

    /**
     * How far off a tensor is.
     *
     * @param largest value of the source's
     * @param difference of an element, the largest
     * @param differenceNorm of all elements, the root of the sum of squares
     * @param changeNorm of what the source changes
     * @param norm of the source's values
     */
    record TensorError(
            String tensor, double largest, double difference, double differenceNorm, double changeNorm, double norm) {
        /** The largest difference by the largest value. */
        double relative() {
            double error = difference == 0 ? 0 : difference / largest;
            return Double.isNaN(error) ? Double.POSITIVE_INFINITY : error;
        }

        /** The difference by the change. */
        double ofChange() {
            double error = differenceNorm == 0 ? 0 : differenceNorm / changeNorm;
            return Double.isNaN(error) ? Double.POSITIVE_INFINITY : error;
        }

        /** Whether that is what is stated. */
        private boolean isStated(double error) {
            return Math.abs(ofChange() - error) <= AGREEMENT * error + ROUNDING * norm / changeNorm;
        }
    }

    /**
     * How far it is off.
     *
     * @param relError of a tensor, see {@link TensorError#relative}
     * @param tensor which one is farthest off; null where nothing differs
     * @param lossy how many tensors are as far off as the files say that they are: those do not count for the others
     * @param misstated of one that is not, in words; null where there is none
     */
    record Found(double relError, String tensor, int lossy, String misstated) {
        String text() {
            String exact = "largest relative error of a tensor %.2e".formatted(relError);
            return lossy == 0
                    ? exact
                    : exact + " but for %,d lossy ones, which are as far off as stated".formatted(lossy);
        }
    }

    /** Where an adapter of a plan was written. */
    interface Places {
        String of(PeftAdapter adapter);
    }

    /** What was written for one component of the base, or for any, in the order in which it is loaded. */
    private final class Written {
        private final Component component;
        private final Set<Component> others;
        private final List<MergeAdapter> adapters = new ArrayList<>();
        private final List<AdapterValues> values = new ArrayList<>();
        private final Map<String, WrittenLayer> layers = new HashMap<>();
        private final Map<String, AdapterValues> valuesOfLayers = new HashMap<>();

        /** @param others components of which something else was written */
        Written(Component component, Set<Component> others) {
            this.component = component;
            this.others = others;
        }

        void add(String place) throws IOException, MergeRefusedException {
            Contents contents =
                    PreparedMerge.read(store, place, Code.NOT_AN_ADAPTER).contents();
            stated.putAll(LossyErrors.read(contents.index().metadata()));
            AdapterValues own = new AdapterValues(store, contents.parts().get(0).file());
            if (contents.config() != null) {
                WrittenLayer.of(contents.index(), contents.config()).forEach((path, layer) -> {
                    layers.put(path, layer);
                    valuesOfLayers.put(path, own);
                });
            }
            TensorData scalars = own.of(contents.index().tensors().stream()
                    .filter(tensor -> tensor.shape().elements() == 1)
                    .toList());
            AdapterIndex index = AdapterIndex.of(contents.index(), scalars, contents.config());
            AdapterIndex others = index.withModules(index.modules().stream()
                    .filter(module -> !module.tensors().has(Role.IA3_VECTOR))
                    .toList());
            adapters.add(new MergeAdapter(
                    contents.index(),
                    others,
                    AxisClassifier.classify(others.modules(), others.claims(), scalars),
                    contents.config(),
                    new Strength(1, null)));
            values.add(own);
        }

        /** Of all but the layers; null where there is nothing else. */
        MergePlan plan() throws MergeRefusedException {
            List<TensorInfo> own = base.tensors().stream()
                    .filter(this::isOwn)
                    .map(this::called)
                    .toList();
            try {
                return MergePlanner.plan(
                        new TensorIndex(own, Map.of(), base.dataStart(), List.of()), adapters, null, true);
            } catch (MergeRefusedException e) {
                boolean hasLayers =
                        base.tensors().stream().filter(this::isOwn).anyMatch(tensor -> layer(tensor) != null);
                if (e.code() == Code.NOTHING_MATCHED && hasLayers) {
                    return null;
                }
                throw e;
            }
        }

        boolean isOwn(TensorInfo tensor) {
            Component own = ModulePath.of(tensor.name()).component();
            return own == component || component == Component.ANY && !others.contains(own);
        }

        /** A tensor as what was written calls it: PEFT's directory of a component knows of no other. */
        TensorInfo called(TensorInfo tensor) {
            return component == Component.ANY ? tensor : local(tensor);
        }

        /** The path of the layer that a tensor is the weight of; null where there is none. */
        String layer(TensorInfo tensor) {
            String path = localName(tensor);
            String layer = path.endsWith(WEIGHT) ? path.substring(0, path.length() - WEIGHT.length()) : null;
            return layers.containsKey(layer) ? layer : null;
        }

        /** The values of a tensor of the base with what was written. */
        float[] of(TensorInfo tensor, byte[] stored, MergePlan plan, Dtype dtype)
                throws IOException, MergeRefusedException {
            float[] made = merged(tensor, stored, plan, dtype);
            String path = layer(tensor);
            if (path != null) {
                WrittenLayer layer = layers.get(path);
                layer.merge(made, tensor.shape(), valuesOfLayers.get(path).of(layer.factors()));
            }
            return made;
        }

        private float[] merged(TensorInfo tensor, byte[] stored, MergePlan plan, Dtype dtype)
                throws IOException, MergeRefusedException {
            if (plan == null) {
                return floats(stored, tensor.dtype());
            }
            List<TensorData> factors = new ArrayList<>();
            TensorInfo called = called(tensor);
            for (int i = 0; i < values.size(); i++) {
                factors.add(values.get(i).of(plan.factors(called.name(), i)));
            }
            return ExportVerifier.this.merged(called, stored, plan, dtype, factors::get);
        }
    }

    /**
     * Compares what an export has just written.
     *
     * @param plan of what was written, with a base
     * @throws MergeRefusedException if a tensor does not fit into memory, or what was written cannot be merged
     */
    Found verify(ExportPlan plan, Places places) throws IOException, MergeRefusedException {
        Map<Component, List<String>> written = new LinkedHashMap<>();
        for (PeftAdapter adapter : plan.adapters()) {
            written.computeIfAbsent(adapter.component(), key -> new ArrayList<>())
                    .add(places.of(adapter));
        }
        List<TensorError> errors = compare(plan.merge(), written);
        Map<String, Double> statedOfTensors = new HashMap<>();
        plan.lossy()
                .wanted()
                .forEach(each -> statedOfTensors.put(
                        each.weight().name(), stated.get(each.module().name())));
        return found(errors, statedOfTensors);
    }

    /** @param stated errors of tensors; null of one that is saved whole */
    private static Found found(List<TensorError> errors, Map<String, Double> stated) {
        String misstated = null;
        int lossy = 0;
        TensorError worst = null;
        for (TensorError error : errors) {
            Double own = stated.get(error.tensor);
            if (own == null) {
                worst = worst == null || error.relative() > worst.relative() ? error : worst;
                continue;
            }
            lossy++;
            if (!error.isStated(own)) {
                misstated = "%s is %s off and said to be %s"
                        .formatted(error.tensor, LossyErrors.text(error.ofChange()), LossyErrors.text(own));
            }
        }
        boolean same = worst == null || worst.relative() == 0;
        return new Found(same ? 0 : worst.relative(), same ? null : worst.tensor, lossy, misstated);
    }

    /**
     * Compares all tensors that the source changes, or what was written.
     *
     * @param source the merge that is to be had
     * @param written files or PEFT's directories by the component of the base that they are for, in the order in which they
     *     are loaded; {@link Component#ANY} where their own names tell
     * @throws MergeRefusedException if a tensor does not fit into memory, or what was written cannot be merged
     */
    List<TensorError> compare(MergePlan source, Map<Component, List<String>> written)
            throws IOException, MergeRefusedException {
        List<TensorError> errors = new ArrayList<>();
        for (Map.Entry<Component, List<String>> each : written.entrySet()) {
            Written own = new Written(each.getKey(), written.keySet());
            for (String place : each.getValue()) {
                own.add(place);
            }
            MergePlan made = own.plan();
            for (TensorInfo tensor : base.tensors()) {
                boolean changed =
                        touches(source, tensor) || touches(made, own.called(tensor)) || own.layer(tensor) != null;
                if (changed && own.isOwn(tensor)) {
                    requireNumbers(tensor, source);
                    if (FloatDecoder.decodes(tensor.dtype())) {
                        errors.add(compare(tensor, source, own, made));
                    }
                }
            }
        }
        return errors;
    }

    /** Integers, which layers that are saved whole may have, are not compared; of weights that are merged nothing is left out. */
    private static void requireNumbers(TensorInfo tensor, MergePlan source) throws MergeRefusedException {
        if (source.weights().containsKey(tensor.name()) && !FloatDecoder.decodes(tensor.dtype())) {
            throw new MergeRefusedException(
                    Code.UNSUPPORTED_BASE, tensor.name() + " is of type " + tensor.dtype() + ", which is not compared");
        }
    }

    private static boolean touches(MergePlan plan, TensorInfo tensor) {
        return plan != null && plan.touches(tensor.name());
    }

    private TensorError compare(TensorInfo tensor, MergePlan source, Written written, MergePlan made)
            throws IOException, MergeRefusedException {
        // whole weights are rounded to the base's type
        boolean whole = made != null
                && made.replaced().containsKey(written.called(tensor).name());
        Dtype dtype = whole ? tensor.dtype() : Dtype.F32;
        TensorData factors = inputs.adapter(source.factors(tensor.name(), 0));
        byte[] stored = inputs.stored(tensor);
        float[] expected = merged(tensor, stored, source, dtype, adapter -> factors);
        float[] actual = written.of(tensor, stored, made, dtype);
        float[] before = floats(stored, tensor.dtype());
        double largest = 0;
        double difference = 0;
        double differences = 0;
        double changes = 0;
        double squares = 0;
        for (int i = 0; i < expected.length; i++) {
            double off = Math.abs((double) actual[i] - expected[i]);
            double change = (double) expected[i] - before[i];
            largest = Math.max(largest, Math.abs(expected[i]));
            difference = Math.max(difference, off); // NaN stays
            differences += off * off;
            changes += change * change;
            squares += (double) expected[i] * expected[i];
        }
        return new TensorError(
                tensor.name(), largest, difference, Math.sqrt(differences), Math.sqrt(changes), Math.sqrt(squares));
    }

    /** A tensor as PEFT's directory of its component calls it. */
    private TensorInfo local(TensorInfo tensor) {
        return new TensorInfo(
                localName(tensor), tensor.dtype(), tensor.shape(), tensor.begin(), tensor.end(), tensor.strides());
    }

    private String localName(TensorInfo tensor) {
        return names.path(ModulePath.of(tensor.name()).component(), ModulePath.localName(tensor.name()));
    }

    /**
     * Merges into a tensor of the base.
     *
     * @param called the tensor as the plan calls it
     * @param stored its bytes, which stay as they are
     */
    private float[] merged(
            TensorInfo called, byte[] stored, MergePlan plan, Dtype dtype, IntFunction<TensorData> factors)
            throws MergeRefusedException {
        OutputTensor output = new OutputTensor(0, called, dtype);
        TensorMerge.requireFits(plan, output);
        long memory = TensorMerge.memory(plan, output);
        Memory.take(memory);
        try {
            return floats(new TensorMerge(plan, output, factors).whole(stored.clone(), lanes), dtype);
        } finally {
            Memory.giveBack(memory);
        }
    }

    private static float[] floats(byte[] bytes, Dtype dtype) {
        float[] values = new float[bytes.length / (dtype.bits() / 8)];
        FloatDecoder.decode(dtype, ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN), values, values.length);
        return values;
    }
}

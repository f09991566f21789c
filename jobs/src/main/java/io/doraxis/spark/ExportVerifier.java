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
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;

/**
 * Reads what an export wrote, as a merge reads a PEFT directory, and compares the weights that it is worth with those that
 * its source is worth: tensor by tensor, of all that either of them changes.
 */
final class ExportVerifier {
    private static final String WEIGHT = ".weight";

    private final ObjectStore store;
    private final ExportInputs inputs;
    private final TensorIndex base;
    private final Lanes lanes;
    private final TextEncoderNames names;
    private double worst;
    private String worstTensor;

    ExportVerifier(ObjectStore store, ExportInputs inputs, TensorIndex base, TextEncoderNames names, Lanes lanes) {
        this.names = names;
        this.store = store;
        this.inputs = inputs;
        this.base = base;
        this.lanes = lanes;
    }

    /**
     * How far it is off.
     *
     * @param relError of a tensor, the largest difference by the largest value
     * @param tensor which one is farthest off; null where nothing differs
     */
    record Found(double relError, String tensor) {}

    /** Where an adapter of a plan was written. */
    interface Places {
        String of(PeftAdapter adapter);
    }

    /** What was written for one component of the base, in the order in which it is loaded. */
    private final class Written {
        private final List<MergeAdapter> adapters = new ArrayList<>();
        private final List<AdapterValues> values = new ArrayList<>();
        private final Map<String, WrittenLayer> layers = new HashMap<>();
        private final Map<String, AdapterValues> valuesOfLayers = new HashMap<>();

        void add(String place) throws IOException {
            Contents contents;
            try {
                contents = ReadCheckpoint.read(store, place, true).contents();
            } catch (ReadCheckpoint.UnreadableException e) {
                throw new IOException(e.getMessage());
            }
            AdapterValues own = new AdapterValues(store, contents.parts().get(0).file());
            WrittenLayer.of(contents.index(), contents.config()).forEach((path, layer) -> {
                layers.put(path, layer);
                valuesOfLayers.put(path, own);
            });
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
        MergePlan plan(Component component) throws MergeRefusedException {
            List<TensorInfo> own = base.tensors().stream()
                    .filter(tensor -> ModulePath.of(tensor.name()).component() == component)
                    .map(ExportVerifier.this::local)
                    .toList();
            try {
                return MergePlanner.plan(
                        new TensorIndex(own, Map.of(), base.dataStart(), List.of()), adapters, null, true);
            } catch (MergeRefusedException e) {
                if (e.code() == Code.NOTHING_MATCHED && !layers.isEmpty()) {
                    return null;
                }
                throw e;
            }
        }

        /** The path of the layer that a tensor is the weight of; null where there is none. */
        String layer(TensorInfo tensor) {
            String path = localName(tensor);
            String layer = path.endsWith(WEIGHT) ? path.substring(0, path.length() - WEIGHT.length()) : null;
            return layers.containsKey(layer) ? layer : null;
        }

        /** The values of a tensor of the base with what was written. */
        float[] of(TensorInfo tensor, MergePlan plan, Dtype dtype) throws IOException, MergeRefusedException {
            float[] made = merged(tensor, plan, dtype);
            String path = layer(tensor);
            if (path != null) {
                WrittenLayer layer = layers.get(path);
                layer.merge(made, tensor.shape(), valuesOfLayers.get(path).of(layer.factors()));
            }
            return made;
        }

        private float[] merged(TensorInfo tensor, MergePlan plan, Dtype dtype)
                throws IOException, MergeRefusedException {
            if (plan == null) {
                return floats(inputs.base(tensor), tensor.dtype());
            }
            List<TensorData> factors = new ArrayList<>();
            for (int i = 0; i < values.size(); i++) {
                factors.add(values.get(i).of(plan.factors(local(tensor).name(), i)));
            }
            return ExportVerifier.this.merged(tensor, local(tensor), plan, dtype, factors::get);
        }
    }

    /**
     * Compares.
     *
     * @param plan of what was written, with a base
     * @throws MergeRefusedException if a tensor does not fit into memory, or what was written cannot be merged
     */
    Found verify(ExportPlan plan, Places places) throws IOException, MergeRefusedException {
        Map<Component, Written> components = new HashMap<>();
        for (PeftAdapter adapter : plan.adapters()) {
            components
                    .computeIfAbsent(adapter.component(), key -> new Written())
                    .add(places.of(adapter));
        }
        for (Map.Entry<Component, Written> component : components.entrySet()) {
            Written written = component.getValue();
            MergePlan made = written.plan(component.getKey());
            for (TensorInfo tensor : base.tensors()) {
                boolean changed =
                        touches(plan.merge(), tensor) || touches(made, local(tensor)) || written.layer(tensor) != null;
                boolean numbers = FloatDecoder.decodes(tensor.dtype());
                if (changed && numbers && ModulePath.of(tensor.name()).component() == component.getKey()) {
                    compare(tensor, plan.merge(), written, made);
                }
            }
        }
        return new Found(worst, worstTensor);
    }

    private static boolean touches(MergePlan plan, TensorInfo tensor) {
        return plan != null && plan.touches(tensor.name());
    }

    private void compare(TensorInfo tensor, MergePlan source, Written written, MergePlan made)
            throws IOException, MergeRefusedException {
        // whole weights are rounded to the base's type
        boolean whole =
                made != null && made.replaced().containsKey(local(tensor).name());
        Dtype dtype = whole ? tensor.dtype() : Dtype.F32;
        TensorData factors = inputs.adapter(source.factors(tensor.name(), 0));
        float[] expected = merged(tensor, tensor, source, dtype, adapter -> factors);
        float[] actual = written.of(tensor, made, dtype);
        double largest = 0;
        double difference = 0;
        for (int i = 0; i < expected.length; i++) {
            largest = Math.max(largest, Math.abs(expected[i]));
            difference = Math.max(difference, Math.abs((double) actual[i] - expected[i])); // NaN stays
        }
        double error = difference == 0 ? 0 : difference / largest;
        if (!(error <= worst)) {
            worst = Double.isNaN(error) ? Double.POSITIVE_INFINITY : error;
            worstTensor = tensor.name();
        }
    }

    /** A tensor as PEFT's directory of its component calls it. */
    private TensorInfo local(TensorInfo tensor) {
        return new TensorInfo(
                localName(tensor), tensor.dtype(), tensor.shape(), tensor.begin(), tensor.end(), tensor.strides());
    }

    private String localName(TensorInfo tensor) {
        return names.path(ModulePath.of(tensor.name()).component(), ModulePath.localName(tensor.name()));
    }

    /** @param called the tensor as the plan calls it */
    private float[] merged(
            TensorInfo tensor, TensorInfo called, MergePlan plan, Dtype dtype, IntFunction<TensorData> factors)
            throws IOException, MergeRefusedException {
        OutputTensor output = new OutputTensor(0, called, dtype);
        TensorMerge.requireFits(plan, output);
        long memory = TensorMerge.memory(plan, output);
        Memory.take(memory);
        try {
            ByteBuffer stored = inputs.base(tensor);
            byte[] bytes = new byte[stored.remaining()];
            stored.get(bytes);
            byte[] merged = new TensorMerge(plan, output, factors).whole(bytes, lanes);
            return floats(ByteBuffer.wrap(merged).order(ByteOrder.LITTLE_ENDIAN), dtype);
        } finally {
            Memory.giveBack(memory);
        }
    }

    private static float[] floats(ByteBuffer bytes, Dtype dtype) {
        float[] values = new float[bytes.remaining() / (dtype.bits() / 8)];
        FloatDecoder.decode(dtype, bytes, values, values.length);
        return values;
    }
}

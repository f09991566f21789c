package io.doraxis.spark;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Algorithm;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.merge.DirectionNorms;
import io.doraxis.merge.MergePlan;
import io.doraxis.merge.MergeRefusedException;
import io.doraxis.merge.MergeRefusedException.Code;
import io.doraxis.merge.OutputTensor;
import io.doraxis.peft.ExportPlan;
import io.doraxis.peft.ExportPlan.Direction;
import io.doraxis.peft.ModuleValues;
import io.doraxis.peft.PeftAdapter;
import io.doraxis.peft.PeftModule;
import io.doraxis.peft.PeftTensor;
import io.doraxis.peft.PeftTensor.Copied;
import io.doraxis.peft.PeftTensor.Fitted;
import io.doraxis.peft.PeftTensor.Merged;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.FloatEncoder;
import io.doraxis.tensorfile.SafetensorsWriter;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** The tensors of exported adapters, a module or a layer at a time. */
final class ExportWriter {
    private final ExportInputs inputs;
    private final Lanes lanes;
    private final LossyFits fits;
    private final Map<String, ModuleAxis> axes = new HashMap<>();
    private final Map<String, DirectionNorms> norms = new HashMap<>();
    private int copied;
    private int computed;

    /**
     * @param lanes what merges whole weights
     * @param fits of the plan that is written
     */
    ExportWriter(ExportInputs inputs, Lanes lanes, LossyFits fits) {
        this.fits = fits;
        this.inputs = inputs;
        this.lanes = lanes;
    }

    int copied() {
        return copied;
    }

    int computed() {
        return computed;
    }

    /**
     * Takes the norms that a plan needs.
     *
     * @return modules of which a norm is nothing, so that they are exact only as whole weights
     */
    Set<String> takeNorms(ExportPlan plan) throws IOException, MergeRefusedException {
        Set<String> cancelled = new TreeSet<>();
        for (Direction direction : plan.directions()) {
            AdapterModule module = direction.module();
            if (!FloatDecoder.decodes(direction.weight().dtype())) {
                throw new MergeRefusedException(
                        Code.UNSUPPORTED_BASE,
                        direction.weight().name() + " is of type "
                                + direction.weight().dtype());
            }
            TensorData data = inputs.adapter(module.tensors().all());
            long memory = 2 * direction.weight().bytes();
            Memory.take(memory);
            try {
                if (isSurelyCopied(direction, data)) {
                    continue;
                }
                DirectionNorms taken = DirectionNorms.of(
                        module, direction.axis(), data, direction.weight(), inputs.base(direction.weight()));
                axes.put(module.name(), direction.axis());
                norms.put(module.name(), taken);
                if (taken.isCancelled()) {
                    cancelled.add(module.name());
                }
            } finally {
                Memory.giveBack(memory);
            }
        }
        return cancelled;
    }

    /** Whether a magnitude is copied, and the norms of the base's rows, which exports share, tell that no row is cancelled. */
    private boolean isSurelyCopied(Direction direction, TensorData data) throws IOException {
        AdapterModule module = direction.module();
        return module.hasDora()
                && direction.axis() == ModuleAxis.OUTPUT
                && module.algorithm() == Algorithm.LORA
                && DirectionNorms.isSurelyShort(module, data, inputs.rowNorms(direction.weight()));
    }

    /** What of a plan does not fit into memory, or is of a type that is not merged. */
    static void requirePossible(ExportPlan plan) throws MergeRefusedException {
        for (PeftAdapter adapter : plan.adapters()) {
            for (PeftTensor tensor : adapter.tensors()) {
                if (tensor.source() instanceof Merged merged) {
                    TensorInfo own = merged.tensor();
                    boolean touched = plan.merge().touches(own.name());
                    if (own.begin() == TensorInfo.NOWHERE) {
                        throw new MergeRefusedException(
                                Code.UNSUPPORTED_BASE, "where the data of " + own.name() + " lie is not known");
                    }
                    if (touched && !(FloatDecoder.decodes(own.dtype()) && FloatEncoder.encodes(own.dtype()))) {
                        throw new MergeRefusedException(
                                Code.UNSUPPORTED_BASE,
                                own.name() + " is of type " + own.dtype() + ", which is not written");
                    }
                    TensorMerge.requireFits(plan.merge(), output(own));
                }
            }
        }
    }

    private static OutputTensor output(TensorInfo own) {
        return new OutputTensor(0, own, own.dtype());
    }

    /** Writes an adapter's weights. */
    void write(PeftAdapter adapter, ExportPlan plan, Map<String, String> metadata, OutputStream out)
            throws IOException, MergeRefusedException {
        write(adapter.modules(), adapter.tensors(), plan, metadata, out);
    }

    /** Writes all of a plan that is one file. */
    void write(ExportPlan plan, Map<String, String> metadata, OutputStream out)
            throws IOException, MergeRefusedException {
        write(plan.file().modules(), plan.tensors(), plan, metadata, out);
    }

    private void write(
            List<PeftModule> owners,
            List<PeftTensor> written,
            ExportPlan plan,
            Map<String, String> metadata,
            OutputStream out)
            throws IOException, MergeRefusedException {
        Map<String, PeftTensor> tensors = new HashMap<>();
        Map<String, PeftModule> modules = new HashMap<>();
        List<TensorInfo> infos = new ArrayList<>();
        for (PeftTensor tensor : written) {
            tensors.put(tensor.name(), tensor);
            infos.add(new TensorInfo(tensor.name(), tensor.dtype(), tensor.shape(), 0, tensor.bytes()));
        }
        for (PeftModule module : owners) {
            module.tensors().forEach(tensor -> modules.put(tensor.name(), module));
        }
        Current current = new Current();
        SafetensorsWriter.write(out, infos, metadata, info -> {
            PeftTensor tensor = tensors.get(info.name());
            PeftModule module = modules.get(info.name());
            return module == null
                    ? merged(((Merged) tensor.source()).tensor(), plan.merge())
                    : current.bytes(module, tensor);
        });
    }

    /** The module whose tensors are written: they follow each other. */
    private final class Current {
        private PeftModule module;
        private TensorData data;
        private ModuleValues values;

        byte[] bytes(PeftModule wanted, PeftTensor tensor) throws IOException, MergeRefusedException {
            if (wanted != module) {
                module = wanted;
                data = inputs.adapter(wanted.source().tensors().all());
                String name = wanted.source().name();
                values = new ModuleValues(
                        wanted.source(), data, axes.getOrDefault(name, ModuleAxis.NONE), norms.get(name));
            }
            if (tensor.source() instanceof Copied own) {
                copied++;
                ByteBuffer stored = data.bytes(own.tensor())
                        .orElseThrow(() ->
                                new IOException("the values of " + own.tensor().name() + " are not there"));
                byte[] bytes = new byte[stored.remaining()];
                stored.get(bytes);
                return bytes;
            }
            computed++;
            if (tensor.source() instanceof Fitted fitted) {
                return fits.bytes(fitted);
            }
            return encoded(tensor, module.source(), values.of(tensor));
        }
    }

    private static byte[] encoded(PeftTensor tensor, AdapterModule source, double[] values)
            throws MergeRefusedException {
        for (double value : values) {
            if (!Double.isFinite(value)) {
                throw new MergeRefusedException(
                        Code.NOT_FINITE,
                        source.name() + ": its factors or the base hold NaN or infinity, or " + tensor.name()
                                + " leaves the range of numbers");
            }
        }
        ByteBuffer encoded =
                ByteBuffer.allocate(Math.toIntExact(tensor.bytes())).order(ByteOrder.LITTLE_ENDIAN);
        FloatEncoder.encode(Dtype.F32, values, encoded);
        return encoded.array();
    }

    /** A tensor of the base, with what the adapter does to it. */
    private byte[] merged(TensorInfo own, MergePlan plan) throws IOException, MergeRefusedException {
        boolean touched = plan.touches(own.name());
        long memory = touched ? TensorMerge.memory(plan, output(own)) : own.bytes();
        Memory.take(memory);
        try {
            byte[] bytes = inputs.stored(own);
            if (!touched) {
                copied++;
                return bytes;
            }
            computed++;
            TensorData factors = inputs.adapter(plan.factors(own.name(), 0));
            return new TensorMerge(plan, output(own), adapter -> factors).whole(bytes, lanes);
        } finally {
            Memory.giveBack(memory);
        }
    }
}

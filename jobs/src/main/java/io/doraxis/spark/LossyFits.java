package io.doraxis.spark;

import io.doraxis.merge.FactoredDelta;
import io.doraxis.merge.FloatMatrix;
import io.doraxis.merge.MergePlan;
import io.doraxis.merge.MergeRefusedException;
import io.doraxis.merge.MergeRefusedException.Code;
import io.doraxis.merge.OutputTensor;
import io.doraxis.peft.Approximations.Approximation;
import io.doraxis.peft.Approximations.Wanted;
import io.doraxis.peft.ExportPlan;
import io.doraxis.peft.LossyErrors;
import io.doraxis.peft.LossyFit;
import io.doraxis.peft.LossyFitter;
import io.doraxis.peft.LossyForm;
import io.doraxis.peft.LossyLayer;
import io.doraxis.peft.LossyLimits;
import io.doraxis.peft.LossyOutcome;
import io.doraxis.peft.PeftTensor.Fitted;
import io.doraxis.peft.PeftTensor.Part;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorInfo;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The layers of an export that no form holds exactly, as the forms that they nearly have: as many at a time as there are
 * lanes and memory, each on one lane. The header of the weights, which comes first, needs all ranks, so the numbers wait in
 * a file of this machine.
 */
final class LossyFits implements Closeable {
    /** The base weight, the merged one, what is left of it twice with its transpose, all in float32, and something to spare. */
    private static final long BYTES_PER_ELEMENT = 32;

    /** Layers that a refusal names. */
    private static final int NAMED = 20;

    private final ExportInputs inputs;
    private final Lanes lanes;
    private final Map<String, Approximation> made = new TreeMap<>();
    private final Map<String, Approximation> refused = new TreeMap<>();
    private final Map<String, Map<Part, Place>> places = new TreeMap<>();
    private FileChannel file;

    LossyFits(ExportInputs inputs, Lanes lanes) {
        this.inputs = inputs;
        this.lanes = lanes;
    }

    private record Place(long from, int bytes) {}

    /** What layers have become, by their modules. */
    Map<String, Approximation> made() {
        return made;
    }

    /** The nearest forms of layers that are further off than they may be, by their modules. */
    Map<String, Approximation> refused() {
        return refused;
    }

    /** Which layers are further off than they may be, in words. */
    String refusal(LossyLimits limits) {
        String layers = refused.entrySet().stream()
                .limit(NAMED)
                .map(layer -> "%s is %s off at best"
                        .formatted(
                                layer.getKey(),
                                LossyErrors.text(layer.getValue().relativeError())))
                .collect(Collectors.joining(", "));
        String others = refused.size() > NAMED ? " and others" : "";
        return ("%,d modules are not within %s up to rank %d: %s%s; a larger --max-rel-error or --max-rank lets them,"
                        + " --input-axis low-rank,full-weights saves their layers whole")
                .formatted(refused.size(), limits.maxError(), limits.maxRank(), layers, others);
    }

    /**
     * Computes all layers of a plan.
     *
     * @throws MergeRefusedException if one does not fit into memory, or its numbers are none
     */
    void compute(ExportPlan plan, LossyLimits limits) throws IOException, MergeRefusedException {
        List<Wanted> batch = new ArrayList<>();
        long memory = 0;
        for (Wanted wanted : plan.lossy().wanted()) {
            long own = memory(wanted.weight());
            if (batch.size() == lanes.count() || !batch.isEmpty() && !Memory.isShare(memory + own)) {
                compute(batch, memory, plan.merge(), limits);
                batch.clear();
                memory = 0;
            }
            batch.add(wanted);
            memory += own;
        }
        compute(batch, memory, plan.merge(), limits);
    }

    private static long memory(TensorInfo weight) throws MergeRefusedException {
        if (!FloatDecoder.decodes(weight.dtype()) || weight.begin() == TensorInfo.NOWHERE) {
            throw new MergeRefusedException(
                    Code.UNSUPPORTED_BASE,
                    weight.name() + " is of type " + weight.dtype() + ", or where it lies is not known");
        }
        long memory = weight.shape().elements() * BYTES_PER_ELEMENT;
        Memory.requireFits(weight.name(), memory, weight.shape().elements() <= Integer.MAX_VALUE / 8);
        return memory;
    }

    private void compute(List<Wanted> batch, long memory, MergePlan plan, LossyLimits limits)
            throws IOException, MergeRefusedException {
        Memory.take(memory);
        try {
            List<LossyLayer> layers = new ArrayList<>();
            for (Wanted wanted : batch) {
                layers.add(layer(wanted, plan));
            }
            LossyOutcome[] outcomes = new LossyOutcome[layers.size()];
            lanes.run(outcomes.length, (number, lane) -> {
                LossyFitter fitter = new LossyFitter(batch.get(number).forms(), limits.maxError(), limits.maxRank());
                outcomes[number] = fitter.fit(layers.get(number), lane.kernel);
            });
            for (int i = 0; i < outcomes.length; i++) {
                add(batch.get(i).module().name(), outcomes[i]);
            }
        } finally {
            Memory.giveBack(memory);
        }
    }

    private LossyLayer layer(Wanted wanted, MergePlan plan) throws IOException, MergeRefusedException {
        TensorInfo weight = wanted.weight();
        byte[] bytes = inputs.stored(weight);
        FloatMatrix base = matrix(bytes, weight.dtype(), weight);
        TensorData factors = inputs.adapter(plan.factors(weight.name(), 0));
        OutputTensor inFloat32 = new OutputTensor(0, weight, Dtype.F32);
        byte[] merged = new TensorMerge(plan, inFloat32, adapter -> factors).whole(bytes, lanes);
        FloatMatrix left = FloatMatrix.zeros(base.rows(), 0);
        FloatMatrix right = FloatMatrix.zeros(0, base.columns());
        // kept by no other form: then those of LoHa may be far larger than the layer
        if (wanted.forms().contains(LossyForm.REFITTED_MAGNITUDE)) {
            FactoredDelta delta = FactoredDelta.of(wanted.module(), factors);
            left = FloatMatrix.of(delta.left());
            right = FloatMatrix.of(delta.right());
        }
        return new LossyLayer(
                wanted.module().name(),
                base,
                matrix(merged, Dtype.F32, weight),
                left,
                right,
                wanted.module().scale());
    }

    private static FloatMatrix matrix(byte[] bytes, Dtype dtype, TensorInfo weight) {
        float[] values = new float[Math.toIntExact(weight.shape().elements())];
        FloatDecoder.decode(dtype, ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN), values, values.length);
        int rows = Math.toIntExact(weight.shape().dim(0));
        return new FloatMatrix(values, rows, rows == 0 ? 0 : values.length / rows);
    }

    private void add(String module, LossyOutcome outcome) throws IOException {
        if (outcome instanceof LossyOutcome.Refused none) {
            refused.put(module, Approximation.of(none.nearest()));
            return;
        }
        LossyFit fit = ((LossyOutcome.Fitted) outcome).fit();
        made.put(module, Approximation.of(fit));
        Map<Part, Place> own = new EnumMap<>(Part.class);
        if (fit.form() != LossyForm.REFITTED_MAGNITUDE) {
            own.put(Part.LORA_B, keep(fit.loraB()));
            own.put(Part.LORA_A, keep(fit.loraA()));
        }
        if (fit.magnitude().isPresent()) {
            own.put(Part.MAGNITUDE, keep(fit.magnitude().get()));
        }
        places.put(module, own);
    }

    private Place keep(FloatMatrix matrix) throws IOException {
        if (file == null) {
            file = FileChannel.open(
                    Files.createTempFile("doraxis-", ".fits"),
                    StandardOpenOption.READ,
                    StandardOpenOption.WRITE,
                    StandardOpenOption.DELETE_ON_CLOSE);
        }
        int count = matrix.rows() * matrix.columns();
        ByteBuffer bytes = ByteBuffer.allocate(count * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(matrix.values(), matrix.offset(), count);
        Place place = new Place(file.size(), bytes.capacity());
        file.position(place.from);
        while (bytes.hasRemaining()) {
            file.write(bytes);
        }
        return place;
    }

    /** The numbers of a tensor that was fitted, float32 and little-endian. */
    byte[] bytes(Fitted tensor) throws IOException {
        Place place = places.get(tensor.module().name()).get(tensor.part());
        ByteBuffer bytes = ByteBuffer.allocate(place.bytes);
        while (bytes.hasRemaining()) {
            if (file.read(bytes, place.from + bytes.position()) < 0) {
                throw new EOFException("the temporary file ends early");
            }
        }
        return bytes.array();
    }

    @Override
    public void close() throws IOException {
        if (file != null) {
            file.close();
        }
    }
}

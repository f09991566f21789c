package io.doraxis.peft;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.fixtures.GoldenCase;
import io.doraxis.fixtures.GoldenCase.Values;
import io.doraxis.merge.DeltaWeight;
import io.doraxis.merge.DirectionNorms;
import io.doraxis.merge.Matrix;
import io.doraxis.merge.WeightDecomposition;
import io.doraxis.naming.ModulePath;
import io.doraxis.peft.ExportPlan.Direction;
import io.doraxis.peft.PeftTensor.Computed;
import io.doraxis.peft.PeftTensor.Copied;
import io.doraxis.peft.PeftTensor.Merged;
import io.doraxis.peft.PeftTensor.Scaled;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** What PEFT 0.21.2 makes of a base with the adapters of a plan, one after the other, each merged before the next. */
final class PeftWeights {
    private static final double TOLERANCE = 1e-6;

    private final GoldenCase golden;
    private final ExportPlan plan;
    private final Map<String, Values> base;
    private final Map<String, double[]> weights = new HashMap<>();

    private PeftWeights(GoldenCase golden, ExportPlan plan) throws Exception {
        this.golden = golden;
        this.plan = plan;
        this.base = golden.tensors("base.safetensors");
        base.forEach((name, values) -> weights.put(name, values.numbers().clone()));
    }

    /** The header of a case's base. */
    static TensorIndex header(GoldenCase golden) throws Exception {
        List<TensorInfo> tensors = golden.tensors("base.safetensors").values().stream()
                .map(Values::tensor)
                .toList();
        return new TensorIndex(tensors, Map.of(), 0, List.of());
    }

    /** The same with rows for columns. */
    static TensorIndex transposed(TensorIndex header) {
        List<TensorInfo> tensors = new ArrayList<>();
        for (TensorInfo tensor : header.tensors()) {
            long[] dims = tensor.shape().toArray();
            if (dims.length > 1) {
                long first = dims[0];
                dims[0] = dims[1];
                dims[1] = first;
            }
            tensors.add(new TensorInfo(tensor.name(), tensor.dtype(), Shape.of(dims), tensor.begin(), tensor.end()));
        }
        return new TensorIndex(tensors, header.metadata(), 0, List.of());
    }

    /** Compares with the weights that the library that made the case is worth. */
    static void areWorth(ExportPlan plan, GoldenCase golden, String file) throws Exception {
        PeftWeights made = new PeftWeights(golden, plan);
        plan.adapters().forEach(made::merge);
        golden.tensors(file)
                .forEach((name, expected) -> assertThat(expected.error(made.weights.get(name)))
                        .as("%s of %s: %s", name, golden.name(), plan.reason())
                        .isLessThan(expected.tensor().dtype() == Dtype.F32 ? TOLERANCE : 0x1p-8));
    }

    /** Modules whose directions have a norm of nothing. */
    static Set<String> cancelled(ExportPlan plan, GoldenCase golden) throws Exception {
        PeftWeights made = new PeftWeights(golden, plan);
        return plan.directions().stream()
                .filter(direction -> made.norms(direction).isCancelled())
                .map(direction -> direction.module().name())
                .collect(Collectors.toSet());
    }

    private void merge(PeftAdapter adapter) {
        for (PeftModule module : adapter.modules()) {
            String name = baseName(module.path() + ".weight");
            weights.put(name, merged(adapter, module, weight(name)).values());
        }
        for (PeftTensor tensor : adapter.saved().stream()
                .flatMap(saved -> saved.tensors().stream())
                .toList()) {
            TensorInfo own = ((Merged) tensor.source()).tensor();
            weights.put(own.name(), saved(own));
        }
    }

    private String baseName(String path) {
        return base.keySet().stream()
                .filter(name -> ModulePath.localName(name).equals(path))
                .findFirst()
                .orElseThrow();
    }

    private Matrix weight(String name) {
        int rows = (int) base.get(name).shape().dim(0);
        double[] values = weights.get(name);
        return new Matrix(rows, values.length / rows, values);
    }

    private int kernel(String name) {
        return (int) base.get(name).shape().from(2).elements();
    }

    private double[] saved(TensorInfo own) {
        double[] stored = base.get(own.name()).numbers();
        if (plan.merge().weights().containsKey(own.name())) {
            int rows = (int) own.shape().dim(0);
            Matrix weight = new Matrix(rows, stored.length / rows, stored);
            return plan.merge()
                    .whole(own.name(), weight, kernel(own.name()), adapter -> golden.data())
                    .values();
        }
        return plan.merge().biases().containsKey(own.name())
                ? plan.merge().bias(own.name(), stored, adapter -> golden.data())
                : stored;
    }

    private Matrix merged(PeftAdapter adapter, PeftModule module, Matrix weight) {
        int kernel = kernel(baseName(module.path() + ".weight"));
        return switch (adapter.type()) {
            case LORA -> lora(module, weight, kernel);
            case LOHA, LOKR -> {
                Matrix delta = DeltaWeight.of(module.source(), golden.data());
                yield weight.plus(delta.scaled(module.alpha() / module.rank()));
            }
            case GLORA -> {
                Matrix a = matrix(module, "glora_A.Xd").times(matrix(module, "glora_A.Xu"));
                Matrix b = matrix(module, "glora_B.Xd").times(matrix(module, "glora_B.Xu"));
                yield weight.plus(weight.hadamard(a)).plus(b);
            }
            case IA3 -> {
                PeftTensor vector = module.tensors().get(0);
                boolean onInput = vector.shape().dim(0) == 1;
                yield WeightDecomposition.scaled(
                        weight, values(module, vector), onInput ? ModuleAxis.INPUT : ModuleAxis.OUTPUT, kernel);
            }
        };
    }

    private Matrix lora(PeftModule module, Matrix weight, int kernel) {
        Matrix delta = matrix(module, "lora_B.weight").times(matrix(module, "lora_A.weight"));
        Matrix direction = weight.plus(delta.scaled(module.alpha() / module.rank()));
        return module.tensors().stream()
                .filter(tensor -> tensor.name().endsWith("lora_magnitude_vector"))
                .findFirst()
                .map(tensor -> WeightDecomposition.of(direction, values(module, tensor), ModuleAxis.OUTPUT, kernel, 0))
                .orElse(direction);
    }

    private Matrix matrix(PeftModule module, String name) {
        PeftTensor tensor = module.tensors().stream()
                .filter(each -> each.name().endsWith(name))
                .findFirst()
                .orElseThrow();
        int rows = (int) tensor.shape().dim(0);
        double[] values = values(module, tensor);
        return new Matrix(rows, values.length / rows, values);
    }

    /** As they are in the file: what is computed is rounded to float32. */
    private double[] values(PeftModule module, PeftTensor tensor) {
        TensorData data = golden.data();
        if (tensor.source() instanceof Copied copied) {
            TensorInfo own = copied.tensor();
            return FloatDecoder.doubles(own.dtype(), data.bytes(own).orElseThrow(), (int)
                    own.shape().elements());
        }
        if (tensor.source() instanceof Scaled) {
            double[] scaled = new ModuleValues(module.source(), data, ModuleAxis.NONE, null).of(tensor);
            for (int i = 0; i < scaled.length; i++) {
                scaled[i] = (float) scaled[i];
            }
            return scaled;
        }
        Direction direction = plan.directions().stream()
                .filter(each -> each.module() == module.source())
                .findFirst()
                .orElse(null);
        ModuleValues made = direction == null
                ? new ModuleValues(module.source(), data, ModuleAxis.NONE, null)
                : new ModuleValues(module.source(), data, direction.axis(), norms(direction));
        assertThat(tensor.source()).isInstanceOf(Computed.class);
        double[] values = made.of(tensor);
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) values[i];
        }
        return values;
    }

    private DirectionNorms norms(Direction direction) {
        AdapterModule module = direction.module();
        double[] values = base.get(direction.weight().name()).numbers();
        ByteBuffer bytes = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asDoubleBuffer().put(values);
        TensorInfo wide = new TensorInfo(
                direction.weight().name(), Dtype.F64, direction.weight().shape(), 0, bytes.capacity());
        return DirectionNorms.of(module, direction.axis(), golden.data(), wide, bytes);
    }
}

package io.doraxis.peft;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.merge.Matrix;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A layer of PEFT's GLoRA as a file of it holds it: W0 + W0 * (a b) + c d, element by element (PEFT 0.21.2, {@code
 * glora/layer.py}).
 */
public final class GloraWeight {
    private static final int BLOCK = 1 << 16;
    private static final List<String> FACTORS = List.of(".glora_A.Xd", ".glora_A.Xu", ".glora_B.Xd", ".glora_B.Xu");

    private final List<TensorInfo> factors;

    private GloraWeight(List<TensorInfo> factors) {
        this.factors = factors;
    }

    /** The layers of a file, by their paths in the base. */
    public static Map<String, GloraWeight> of(TensorIndex file) {
        Map<String, TensorInfo> tensors = new HashMap<>();
        file.tensors().forEach(tensor -> tensors.put(tensor.name(), tensor));
        Map<String, GloraWeight> layers = new HashMap<>();
        for (String name : tensors.keySet()) {
            if (name.endsWith(FACTORS.get(0))) {
                String layer = name.substring(0, name.length() - FACTORS.get(0).length());
                List<TensorInfo> factors = new ArrayList<>();
                for (String factor : FACTORS) {
                    Optional.ofNullable(tensors.get(layer + factor)).ifPresent(factors::add);
                }
                if (factors.size() == FACTORS.size()) {
                    layers.put(AdapterIndex.peftPath(layer), new GloraWeight(factors));
                }
            }
        }
        return layers;
    }

    /** What it is made of. */
    public List<TensorInfo> factors() {
        return factors;
    }

    /**
     * The merged weight, in float32 from sums in float64.
     *
     * @param weight the base weight, [out, in]
     * @param stored its bytes, little-endian
     * @throws IllegalArgumentException if the factors are not there or do not fit
     */
    public float[] merged(TensorInfo weight, ByteBuffer stored, TensorData data) {
        int rows = Math.toIntExact(weight.shape().dimOrOne(0));
        int columns = Math.toIntExact(weight.shape().from(1).elements());
        List<Matrix> matrices =
                factors.stream().map(factor -> matrix(factor, data)).toList();
        float[] merged = new float[Math.multiplyExact(rows, columns)];
        int width = weight.dtype().bits() / 8;
        int block = Math.max(1, BLOCK / Math.max(1, columns));
        for (int first = 0; first < rows; first += block) {
            int count = Math.min(block, rows - first);
            ByteBuffer bytes = stored.slice(first * columns * width, count * columns * width)
                    .order(ByteOrder.LITTLE_ENDIAN);
            Matrix base = new Matrix(count, columns, FloatDecoder.doubles(weight.dtype(), bytes, count * columns));
            Matrix factor = matrices.get(0).rowRange(first, count).times(matrices.get(1));
            Matrix sum = matrices.get(2).rowRange(first, count).times(matrices.get(3));
            double[] values = base.plus(base.hadamard(factor)).plus(sum).values();
            for (int i = 0; i < values.length; i++) {
                merged[first * columns + i] = (float) values[i];
            }
        }
        return merged;
    }

    private static Matrix matrix(TensorInfo tensor, TensorData data) {
        ByteBuffer bytes = data.bytes(tensor)
                .orElseThrow(() -> new IllegalArgumentException("the values of " + tensor.name() + " are not there"));
        int rows = Math.toIntExact(tensor.shape().dimOrOne(0));
        int elements = Math.toIntExact(tensor.shape().elements());
        return new Matrix(rows, rows == 0 ? 0 : elements / rows, FloatDecoder.doubles(tensor.dtype(), bytes, elements));
    }
}

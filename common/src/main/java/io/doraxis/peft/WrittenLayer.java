package io.doraxis.peft;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.merge.Matrix;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A layer of PEFT's GLoRA or IA3 as a file holds it: what PEFT 0.21.2 makes of a weight with it, some rows at a time. */
public sealed interface WrittenLayer {
    /** Elements of the rows that are computed together. */
    int BLOCK = 1 << 16;

    /** What it is made of. */
    List<TensorInfo> factors();

    /**
     * Merges it into a weight, in place.
     *
     * @param weight of that shape, [out, in, kernel...]
     * @throws IllegalArgumentException if the factors are not there or do not fit
     */
    void merge(float[] weight, Shape shape, TensorData data);

    /**
     * The layers of a file, by their paths in the base.
     *
     * @param config that lies beside it
     */
    static Map<String, WrittenLayer> of(TensorIndex file, PeftConfig config) {
        Map<String, TensorInfo> tensors = new HashMap<>();
        file.tensors().forEach(tensor -> tensors.put(tensor.name(), tensor));
        Map<String, WrittenLayer> layers = new HashMap<>();
        for (TensorInfo tensor : file.tensors()) {
            String name = tensor.name();
            if (name.endsWith(Glora.FACTORS.get(0))) {
                String layer =
                        name.substring(0, name.length() - Glora.FACTORS.get(0).length());
                List<TensorInfo> factors = new ArrayList<>();
                Glora.FACTORS.forEach(factor -> factors.add(tensors.get(layer + factor)));
                layers.put(AdapterIndex.peftPath(layer), new Glora(factors));
            } else if (name.endsWith(Ia3.VECTOR)) {
                String path = AdapterIndex.peftPath(name.substring(0, name.length() - Ia3.VECTOR.length()));
                layers.put(path, new Ia3(tensor, config.isFeedforward(path).orElse(false)));
            }
        }
        return layers;
    }

    /** W0 + W0 * (a b) + c d, element by element ({@code glora/layer.py}). */
    record Glora(List<TensorInfo> factors) implements WrittenLayer {
        private static final List<String> FACTORS = List.of(".glora_A.Xd", ".glora_A.Xu", ".glora_B.Xd", ".glora_B.Xu");

        @Override
        public void merge(float[] weight, Shape shape, TensorData data) {
            List<Matrix> matrices =
                    factors.stream().map(factor -> matrix(factor, data)).toList();
            int rows = Math.toIntExact(shape.dimOrOne(0));
            int columns = weight.length / Math.max(1, rows);
            for (int i = 0; i < matrices.size(); i += 2) {
                requireFit(factors.get(i).name(), matrices.get(i), matrices.get(i + 1), rows, columns);
            }
            int block = Math.max(1, BLOCK / Math.max(1, columns));
            for (int first = 0; first < rows; first += block) {
                int count = Math.min(block, rows - first);
                double[] factor = matrices.get(0)
                        .rowRange(first, count)
                        .times(matrices.get(1))
                        .values();
                double[] sum = matrices.get(2)
                        .rowRange(first, count)
                        .times(matrices.get(3))
                        .values();
                for (int i = 0, at = first * columns; i < count * columns; i++, at++) {
                    weight[at] = (float) (weight[at] + weight[at] * factor[i] + sum[i]);
                }
            }
        }
    }

    private static void requireFit(String name, Matrix left, Matrix right, int rows, int columns) {
        if (left.rows() != rows || right.columns() != columns || left.columns() != right.rows()) {
            throw new IllegalArgumentException("%s: [%d, %d] x [%d, %d] is no product for [%d, %d]"
                    .formatted(name, left.rows(), left.columns(), right.rows(), right.columns(), rows, columns));
        }
    }

    /**
     * W0 scaled along its inputs or outputs ({@code ia3/layer.py}).
     *
     * @param onInput whether the configuration calls the layer feed-forward
     */
    record Ia3(TensorInfo vector, boolean onInput) implements WrittenLayer {
        private static final String VECTOR = ".ia3_l";

        @Override
        public List<TensorInfo> factors() {
            return List.of(vector);
        }

        @Override
        public void merge(float[] weight, Shape shape, TensorData data) {
            double[] scales = matrix(vector, data).values();
            long wanted = shape.dimOrOne(onInput ? 1 : 0);
            if (scales.length != wanted) {
                throw new IllegalArgumentException(vector.name() + " has " + scales.length + " values for " + wanted);
            }
            int columns = Math.toIntExact(shape.from(1).elements());
            int kernel = Math.toIntExact(shape.from(2).elements());
            for (int i = 0; i < weight.length; i++) {
                weight[i] *= (float) scales[onInput ? i % columns / kernel : i / columns];
            }
        }
    }

    private static Matrix matrix(TensorInfo tensor, TensorData data) {
        if (tensor == null) {
            throw new IllegalArgumentException("a factor is not in the file");
        }
        ByteBuffer bytes = data.bytes(tensor)
                .orElseThrow(() -> new IllegalArgumentException("the values of " + tensor.name() + " are not there"));
        int rows = Math.toIntExact(tensor.shape().dimOrOne(0));
        int elements = Math.toIntExact(tensor.shape().elements());
        return new Matrix(rows, rows == 0 ? 0 : elements / rows, FloatDecoder.doubles(tensor.dtype(), bytes, elements));
    }
}

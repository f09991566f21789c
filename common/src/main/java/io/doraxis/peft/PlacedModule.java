package io.doraxis.peft;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.LayerKind;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorInfo;
import java.util.Arrays;
import java.util.List;

/**
 * A module with its place in the base.
 *
 * @param axis of its magnitude; NONE without one
 * @param path of its layer; null where it is not one whole layer of the base
 * @param kernel of its layer
 * @param weights of the base that it changes; none without a base
 * @param transposed whether the base keeps the weight as [in, out]
 */
record PlacedModule(
        AdapterModule module,
        Treatment treatment,
        ModuleAxis axis,
        String path,
        Shape kernel,
        List<TensorInfo> weights,
        boolean transposed) {

    boolean isLinear() {
        return kernel.rank() == 0;
    }

    boolean isEmbedding() {
        return module.layerKind() == LayerKind.EMBEDDING;
    }

    /** Of the tensors' names. */
    String prefix() {
        return AdapterIndex.PEFT_PREFIX + path;
    }

    /** Its only weight. */
    TensorInfo weight() {
        return weights.get(0);
    }

    /** Whether norms of its base weight can be taken. */
    boolean hasDirection() {
        return weights.size() == 1 && path != null && !transposed && !isEmbedding();
    }

    /** Dimensions followed by the kernel's. */
    Shape shape(long... first) {
        long[] dims = Arrays.copyOf(first, first.length + kernel.rank());
        for (int i = 0; i < kernel.rank(); i++) {
            dims[first.length + i] = kernel.dim(i);
        }
        return Shape.of(dims);
    }

    /** The same with a kernel of ones. */
    Shape pointwise(long... first) {
        long[] dims = Arrays.copyOf(first, first.length + kernel.rank());
        Arrays.fill(dims, first.length, dims.length, 1);
        return Shape.of(dims);
    }
}

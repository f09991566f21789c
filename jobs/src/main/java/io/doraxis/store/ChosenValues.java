package io.doraxis.store;

import io.doraxis.audit.CheckpointAuditor.ValueSource;
import io.doraxis.audit.CheckpointAuditor.Values;
import io.doraxis.audit.FetchedFile;
import io.doraxis.tensorfile.StoreException;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads chosen tensors of a file that is not in memory as a whole, in one vectored read, and nothing else of it.
 *
 * @param choice which tensors, the more important first
 */
public record ChosenValues(ObjectStore store, Choice choice) implements ValueSource {
    /** Tensors of a file that are worth reading, given its header. */
    @FunctionalInterface
    public interface Choice {
        List<TensorInfo> of(TensorIndex index);
    }

    /** Tensors of one element: alphas, and what else is a number. */
    public static final Choice SCALARS = index -> index.tensors().stream()
            .filter(tensor -> tensor.shape().elements() == 1)
            .toList();

    private static final long MOST_BYTES = 64 << 20;

    @Override
    public Values of(FetchedFile file, TensorIndex index) throws StoreException {
        List<TensorInfo> chosen = file.isWhole() ? List.of() : bounded(choice.of(index));
        return chosen.isEmpty() ? Values.inHand(file) : store.values(file.object(), chosen);
    }

    /** As many as memory should hold. */
    private static List<TensorInfo> bounded(List<TensorInfo> tensors) {
        List<TensorInfo> bounded = new ArrayList<>(tensors.size());
        long bytes = 0;
        for (TensorInfo tensor : tensors) {
            if (bytes + tensor.bytes() <= MOST_BYTES) {
                bounded.add(tensor);
                bytes += tensor.bytes();
            }
        }
        return bounded;
    }
}

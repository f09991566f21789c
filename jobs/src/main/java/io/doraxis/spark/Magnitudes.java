package io.doraxis.spark;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.audit.CheckpointAuditor.ValueSource;
import io.doraxis.audit.CheckpointAuditor.Values;
import io.doraxis.audit.FetchedFile;
import io.doraxis.audit.ValueUse;
import io.doraxis.dora.AxisClassifier;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.store.ObjectStore;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Reads the magnitudes that an audit wants of a file that is not in memory as a whole, and nothing else of it. */
record Magnitudes(ObjectStore store, ValueUse use) implements ValueSource {
    private static final long MOST_BYTES = 64 << 20;

    @Override
    public Values of(FetchedFile file, TensorIndex index) throws IOException {
        List<TensorInfo> wanted = use == ValueUse.NONE || file.isWhole() ? List.of() : wanted(index);
        if (wanted.isEmpty()) {
            return IN_HAND.of(file, index);
        }
        long bytes = wanted.stream().mapToLong(TensorInfo::bytes).sum();
        return new Values(store.tensors(file.object(), wanted), wanted.size(), bytes);
    }

    private List<TensorInfo> wanted(TensorIndex index) {
        AdapterIndex adapter = AdapterIndex.of(index, TensorData.NONE, null);
        CheckpointVerdict verdict = AxisClassifier.classify(adapter.modules(), adapter.claims(), TensorData.NONE);
        List<TensorInfo> wanted = new ArrayList<>();
        long bytes = 0;
        for (int i = 0; i < adapter.modules().size(); i++) {
            AdapterModule module = adapter.modules().get(i);
            boolean open = verdict.modules().get(i).axis() == ModuleAxis.AMBIGUOUS;
            if (module.hasDora() && (open || use == ValueUse.ALL)) {
                TensorInfo magnitude = module.magnitude().tensor();
                bytes += magnitude.bytes();
                if (bytes > MOST_BYTES) {
                    break;
                }
                wanted.add(magnitude);
            }
        }
        return wanted;
    }
}

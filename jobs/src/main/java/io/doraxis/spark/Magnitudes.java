package io.doraxis.spark;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.audit.ValueUse;
import io.doraxis.dora.AxisClassifier;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.store.ChosenValues.Choice;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.util.ArrayList;
import java.util.List;

/** The magnitudes that an audit wants. */
record Magnitudes(ValueUse use) implements Choice {
    @Override
    public List<TensorInfo> of(TensorIndex index) {
        List<TensorInfo> wanted = new ArrayList<>();
        if (use == ValueUse.NONE) {
            return wanted;
        }
        AdapterIndex adapter = AdapterIndex.of(index, TensorData.NONE, null);
        CheckpointVerdict verdict = AxisClassifier.classify(adapter.modules(), adapter.claims(), TensorData.NONE);
        for (int i = 0; i < adapter.modules().size(); i++) {
            AdapterModule module = adapter.modules().get(i);
            boolean open = verdict.modules().get(i).axis() == ModuleAxis.AMBIGUOUS;
            if (module.hasDora() && (open || use == ValueUse.ALL)) {
                wanted.add(module.magnitude().tensor());
            }
        }
        return wanted;
    }
}

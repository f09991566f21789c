package io.doraxis.spark;

import io.doraxis.audit.CheckpointAudit;
import io.doraxis.audit.CheckpointAudit.Part;
import io.doraxis.catalog.StoredObject;
import io.doraxis.store.ObjectStore;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Values of an export's adapter and base, a tensor at a time. */
final class ExportInputs {
    private final ObjectStore store;
    private final AdapterValues adapter;
    private final Map<String, StoredObject> files = new HashMap<>();
    private long bytesRead;

    /** @param base null without one */
    ExportInputs(ObjectStore store, CheckpointAudit adapter, CheckpointAudit base) {
        this.store = store;
        this.adapter =
                new AdapterValues(store, adapter.contents().parts().get(0).file());
        if (base != null) {
            for (Part part : base.contents().parts()) {
                part.index().tensors().forEach(tensor -> files.put(tensor.name(), part.file()));
            }
        }
    }

    /** Tensors of the adapter, at least these. */
    TensorData adapter(List<TensorInfo> tensors) throws IOException {
        return adapter.of(tensors);
    }

    /** A tensor of the base, its elements in the order of its shape. */
    ByteBuffer base(TensorInfo tensor) throws IOException {
        TensorInfo span = Views.span(tensor);
        bytesRead += span.bytes();
        return Views.inOrder(store.tensors(files.get(tensor.name()), List.of(span)))
                .bytes(tensor)
                .orElseThrow(() -> new IOException("cannot read " + tensor.name() + " of the base"));
    }

    long bytesRead() {
        return bytesRead + adapter.bytesRead();
    }
}

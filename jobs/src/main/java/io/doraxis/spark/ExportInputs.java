package io.doraxis.spark;

import io.doraxis.audit.CheckpointAudit;
import io.doraxis.store.ObjectStore;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/** Values of an export's adapter and base, a tensor at a time. */
final class ExportInputs {
    private final ObjectStore store;
    private final AdapterValues adapter;
    private final SharedBase base;
    private long bytesRead;

    /** @param base null without one */
    ExportInputs(ObjectStore store, CheckpointAudit adapter, SharedBase base) {
        this.store = store;
        this.adapter =
                new AdapterValues(store, adapter.contents().parts().get(0).file());
        this.base = base;
    }

    /** Tensors of the adapter, at least these. */
    TensorData adapter(List<TensorInfo> tensors) throws IOException {
        return adapter.of(tensors);
    }

    /** A tensor of the base, its elements in the order of its shape. */
    ByteBuffer base(TensorInfo tensor) throws IOException {
        bytesRead += Views.span(tensor).bytes();
        return base.read(store, tensor);
    }

    /** The same as an array of its own. */
    byte[] stored(TensorInfo tensor) throws IOException {
        ByteBuffer buffer = base(tensor);
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    /** Norms of the rows of a weight of the base. */
    double[] rowNorms(TensorInfo weight) throws IOException {
        double[] known = base.rowNorms(weight);
        return known == null ? base.tellRowNorms(weight, base(weight)) : known;
    }

    long bytesRead() {
        return bytesRead + adapter.bytesRead();
    }
}

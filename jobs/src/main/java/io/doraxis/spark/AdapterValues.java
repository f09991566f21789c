package io.doraxis.spark;

import io.doraxis.catalog.StoredObject;
import io.doraxis.store.ObjectStore;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorInfo;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;

/** Values of an adapter's tensors: a small adapter is read at once, of a large one what is needed when it is. */
final class AdapterValues {
    /** What is read at once is up to this part of the memory. */
    private static final long SHARE = 16;

    private final ObjectStore store;
    private final StoredObject file;
    private TensorData whole;
    private long bytesRead;

    AdapterValues(ObjectStore store, StoredObject file) {
        this.store = store;
        this.file = file;
    }

    /** The values of some tensors, at least; of a view in the order of its shape. */
    TensorData of(List<TensorInfo> tensors) throws IOException {
        boolean small = file.size() < Runtime.getRuntime().maxMemory() / SHARE && file.size() < Integer.MAX_VALUE - 8;
        if (!small) {
            List<TensorInfo> wanted = tensors.stream().map(Views::span).toList();
            bytesRead += wanted.stream().mapToLong(TensorInfo::bytes).sum();
            return Views.inOrder(store.tensors(file, wanted));
        }
        if (whole == null) {
            byte[] bytes = new byte[(int) file.size()];
            try (InputStream in = store.reader(file).open(0, file.size())) {
                if (in.readNBytes(bytes, 0, bytes.length) < bytes.length) {
                    throw new EOFException(file.uri() + " ends early");
                }
            }
            bytesRead += bytes.length;
            whole = Views.inOrder(TensorData.ofHead(bytes, bytes.length));
        }
        return whole;
    }

    /** For all that so far. */
    long bytesRead() {
        return bytesRead;
    }
}

package io.doraxis.spark;

import io.doraxis.audit.CheckpointAudit;
import io.doraxis.audit.CheckpointAudit.Part;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.catalog.StoredObject;
import io.doraxis.merge.DirectionNorms;
import io.doraxis.peft.BaseModel;
import io.doraxis.store.ObjectStore;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A base model of exports. Thousands of them name the same one, so a process keeps the last few: headers, names, and the
 * norms of rows that were asked for, which do not change while the files do not.
 */
final class SharedBase {
    private static final int KEPT = 4;
    private static final Map<Checkpoint, SharedBase> LATEST = new LinkedHashMap<>();

    private final CheckpointAudit audit;
    private final BaseModel model;
    private final Map<String, StoredObject> files = new HashMap<>();
    private final Map<String, double[]> rowNorms = new ConcurrentHashMap<>();
    private final AtomicLong bytesRead;

    private SharedBase(CheckpointAudit audit) {
        this.audit = audit;
        this.model = new BaseModel(audit.contents().index());
        this.bytesRead = new AtomicLong(audit.reading().bytesRead());
        for (Part part : audit.contents().parts()) {
            part.index().tensors().forEach(tensor -> files.put(tensor.name(), part.file()));
        }
    }

    /**
     * The model at a place, as its files are now.
     *
     * @throws IOException if the store refuses or fails
     */
    static SharedBase at(ObjectStore store, String path) throws ReadCheckpoint.UnreadableException, IOException {
        Checkpoint checkpoint = ReadCheckpoint.find(store, path);
        synchronized (LATEST) {
            SharedBase known = LATEST.remove(checkpoint);
            if (known != null) {
                LATEST.put(checkpoint, known);
                return known;
            }
        }
        SharedBase read = new SharedBase(ReadCheckpoint.read(store, checkpoint, false));
        synchronized (LATEST) {
            LATEST.putIfAbsent(checkpoint, read);
            if (LATEST.size() > KEPT) {
                LATEST.remove(LATEST.keySet().iterator().next());
            }
        }
        return read;
    }

    CheckpointAudit audit() {
        return audit;
    }

    BaseModel model() {
        return model;
    }

    /** Bytes that were read for its headers; none for all but the first export that asks, as they were read once. */
    long takeBytesRead() {
        return bytesRead.getAndSet(0);
    }

    /** A tensor, its elements in the order of its shape. */
    ByteBuffer read(ObjectStore store, TensorInfo tensor) throws IOException {
        return Views.inOrder(store.tensors(files.get(tensor.name()), List.of(Views.span(tensor))))
                .bytes(tensor)
                .orElseThrow(() -> new IOException("cannot read " + tensor.name() + " of the base"));
    }

    /** Norms of a weight's rows; null where nobody has told them yet. */
    double[] rowNorms(TensorInfo weight) {
        return rowNorms.get(weight.name());
    }

    /** Tells the norms of a weight's rows. */
    double[] tellRowNorms(TensorInfo weight, ByteBuffer stored) {
        return rowNorms.computeIfAbsent(weight.name(), name -> DirectionNorms.ofRows(weight, stored));
    }
}

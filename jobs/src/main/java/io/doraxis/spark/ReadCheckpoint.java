package io.doraxis.spark;

import io.doraxis.audit.CheckpointAudit;
import io.doraxis.audit.CheckpointAuditor;
import io.doraxis.audit.CheckpointAuditor.ValueSource;
import io.doraxis.audit.Status;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.store.CheckpointFinder;
import io.doraxis.store.ChosenValues;
import io.doraxis.store.Fetcher;
import io.doraxis.store.ObjectStore;
import io.doraxis.tensorfile.Finding;
import io.doraxis.tensorfile.Reason;
import io.doraxis.tensorfile.StoreException;
import java.io.IOException;
import java.util.EnumSet;
import java.util.Set;

/** Reads the headers of a checkpoint that is to be worked with, and so must be whole. */
final class ReadCheckpoint {
    /** Of an input that is not whole, or says two things. */
    private static final Set<Finding.Code> REFUSED_FINDINGS = EnumSet.of(
            Finding.Code.DUPLICATE_TENSOR_NAME,
            Finding.Code.SHARD_TENSOR_MISSING,
            Finding.Code.SHARD_TENSOR_REPEATED,
            Finding.Code.SHARD_OUTSIDE_FOLDER);

    /** What another try may find otherwise: nothing is wrong with the file. */
    private static final Set<Status> STORES = EnumSet.of(Status.STORE_ERROR, Status.CHANGED);

    private ReadCheckpoint() {}

    /** What is there cannot be worked with; the message says why. */
    static final class UnreadableException extends Exception {
        private static final long serialVersionUID = 1;

        UnreadableException(String message) {
            super(message, null, false, false);
        }
    }

    /**
     * Reads it.
     *
     * @param scalars whether alphas and other single numbers are read too
     * @throws IOException if the store refuses or fails
     */
    static CheckpointAudit read(ObjectStore store, String path, boolean scalars)
            throws UnreadableException, IOException {
        return read(store, find(store, path), scalars);
    }

    /** @throws IOException if the store refuses or fails */
    static Checkpoint find(ObjectStore store, String path) throws UnreadableException, IOException {
        try {
            return CheckpointFinder.find(store, path);
        } catch (IllegalArgumentException e) {
            throw new UnreadableException(e.getMessage());
        }
    }

    /** Reads one that was found. */
    static CheckpointAudit read(ObjectStore store, Checkpoint checkpoint, boolean scalars)
            throws UnreadableException, IOException {
        Fetcher.Fetched fetched = new Fetcher(store).fetch(checkpoint.withCard(null));
        ValueSource values = scalars ? new ChosenValues(store, ChosenValues.SCALARS) : ValueSource.IN_HAND;
        CheckpointAudit audit = new CheckpointAuditor(ConsumerRules.bundled())
                .audit(checkpoint, fetched.weights(), fetched.side(), values);
        if (audit.contents() == null || audit.reading().status() != Status.OK) {
            Reason reason = audit.reading().reason();
            if (reason != null && STORES.contains(Status.of(reason))) {
                throw new StoreException(reason, audit.reading().message(), null);
            }
            throw new UnreadableException(audit.reading().message());
        }
        for (Finding finding : audit.findings()) {
            if (REFUSED_FINDINGS.contains(finding.code())) {
                throw new UnreadableException(checkpoint.uri() + ": " + finding.detail());
            }
        }
        return audit;
    }
}

package io.doraxis.store;

import io.doraxis.audit.FetchedFile;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.catalog.FirstRead;
import io.doraxis.catalog.StoredObject;
import io.doraxis.tensorfile.StoreException;
import java.util.ArrayList;
import java.util.List;

/** Brings the first bytes of a checkpoint's files, one request for each. */
public record Fetcher(ObjectStore store) {
    /**
     * A checkpoint with the first bytes of its files.
     *
     * @param side null for a single file
     * @param card of the repository; null without one
     * @param store for what else is read of it, which counts what is read of this checkpoint alone
     */
    public record Fetched(
            Checkpoint checkpoint, List<FetchedFile> weights, FetchedFile side, FetchedFile card, ObjectStore store) {}

    /** Reads the first bytes of every file; a store's refusal is part of the answer. */
    public Fetched fetch(Checkpoint checkpoint) {
        ObjectStore own = store.counting();
        List<FetchedFile> weights = new ArrayList<>(checkpoint.weights().size());
        for (StoredObject file : checkpoint.weights()) {
            weights.add(fetch(own, file, FirstRead.ofWeights(file)));
        }
        FetchedFile side = checkpoint
                .side()
                .map(file -> fetch(own, file, FirstRead.ofSideFile(file)))
                .orElse(null);
        StoredObject card = checkpoint.card();
        return new Fetched(
                checkpoint, weights, side, card == null ? null : fetchText(own, card, FirstRead.ofCard(card)), own);
    }

    /** About how many bytes {@link #fetch(Checkpoint)} brings into memory. */
    public static long bytes(Checkpoint checkpoint) {
        long bytes = 0;
        for (StoredObject file : checkpoint.weights()) {
            bytes += FirstRead.ofWeights(file);
        }
        bytes += checkpoint.card() == null ? 0 : FirstRead.ofCard(checkpoint.card());
        return bytes + checkpoint.side().map(FirstRead::ofSideFile).orElse(0);
    }

    private static FetchedFile fetchText(ObjectStore store, StoredObject file, int bytes) {
        try {
            return FetchedFile.of(file, store.text(file, bytes), store.reader(file));
        } catch (StoreException e) {
            return FetchedFile.failed(file, new FetchedFile.Failure(e.reason(), e.getMessage()));
        }
    }

    private static FetchedFile fetch(ObjectStore store, StoredObject file, int bytes) {
        try {
            return FetchedFile.of(file, store.head(file, Math.max(bytes, 0)), store.reader(file));
        } catch (StoreException e) {
            return FetchedFile.failed(file, new FetchedFile.Failure(e.reason(), e.getMessage()));
        }
    }
}

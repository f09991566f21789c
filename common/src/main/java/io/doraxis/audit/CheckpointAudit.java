package io.doraxis.audit;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.CheckpointKind;
import io.doraxis.adapter.Dialect;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.catalog.StoredObject;
import io.doraxis.consumer.FileFacts;
import io.doraxis.consumer.Prediction;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.dora.ValueMatch;
import io.doraxis.naming.FamilyMatch;
import io.doraxis.tensorfile.Finding;
import io.doraxis.tensorfile.PickleScan;
import io.doraxis.tensorfile.TensorIndex;
import java.util.List;
import java.util.Map;

/**
 * Everything that is known of one checkpoint: the source of its rows.
 *
 * @param contents null when nothing could be read
 * @param pickles what its pickles would import, also where nothing else could be read
 */
public record CheckpointAudit(
        Checkpoint checkpoint, Reading reading, Contents contents, List<Finding> findings, PickleScan pickles) {

    /**
     * What a readable checkpoint holds.
     *
     * @param parts its weight files with what each of them holds; {@code index} is all of it
     * @param config null without an adapter_config.json
     * @param family the base model that its layers fit; null where they fit none
     * @param claimConflicts claims of the licence and of the base model that contradict each other or the layers
     * @param adapter null when it is no adapter
     */
    public record Contents(
            CheckpointKind kind,
            TensorIndex index,
            List<Part> parts,
            PeftConfig config,
            FamilyMatch family,
            LicenseClaims license,
            List<String> claimConflicts,
            AdapterContents adapter) {}

    /** A weight file with its header: places are counted in it. */
    public record Part(StoredObject file, TensorIndex index) {}

    /**
     * What an adapter holds, and what becomes of it.
     *
     * @param values null where no magnitudes were compared
     */
    public record AdapterContents(
            AdapterIndex index,
            Dialect dialect,
            CheckpointVerdict verdict,
            ValueMatch values,
            FileFacts facts,
            Map<String, Prediction> consumers) {}

    /** The same, with how often the store was asked again, which the store knows. */
    public CheckpointAudit withRetries(int count) {
        return new CheckpointAudit(checkpoint, reading.withRetries(count), contents, findings, pickles);
    }

    /** Null when it is no adapter, or could not be read. */
    public AdapterContents adapter() {
        return contents == null ? null : contents.adapter;
    }
}

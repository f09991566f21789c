package io.doraxis.catalog;

import java.io.Serializable;
import java.util.List;
import java.util.Optional;

/**
 * Objects that are one checkpoint.
 *
 * @param uri its name in the audit: a PEFT directory, a sharded model's index, or the file
 * @param weights the files that hold tensors; a sharded model's in the order of their names
 * @param sideFile adapter_config.json or the index of the shards; of a single file what a model manager wrote beside it,
 *     or null
 * @param card of the repository whose folder they lie in, which is no part of the checkpoint; null without one
 */
public record Checkpoint(Form form, String uri, List<StoredObject> weights, StoredObject sideFile, StoredObject card)
        implements Serializable {
    /** How a checkpoint lies in its folder. */
    public enum Form {
        FILE,
        PEFT_DIRECTORY,
        SHARDED
    }

    public Checkpoint {
        weights = List.copyOf(weights);
    }

    public Checkpoint(Form form, String uri, List<StoredObject> weights, StoredObject sideFile) {
        this(form, uri, weights, sideFile, null);
    }

    /** The same objects in a repository with that card; null for none. */
    public Checkpoint withCard(StoredObject other) {
        return new Checkpoint(form, uri, weights, sideFile, other);
    }

    /** A single file as a checkpoint of its own. */
    public static Checkpoint file(StoredObject object) {
        return file(object, null);
    }

    /** @param sideFile null without one */
    public static Checkpoint file(StoredObject object, StoredObject sideFile) {
        return new Checkpoint(Form.FILE, object.uri(), List.of(object), sideFile);
    }

    public Optional<StoredObject> side() {
        return Optional.ofNullable(sideFile);
    }

    /** Objects that this row accounts for. */
    public int objects() {
        return weights.size() + (sideFile == null ? 0 : 1);
    }

    /** Size of all its files in bytes. */
    public long totalBytes() {
        long bytes = sideFile == null ? 0 : sideFile.size();
        for (StoredObject file : weights) {
            bytes += Math.max(0, file.size());
        }
        return bytes;
    }
}

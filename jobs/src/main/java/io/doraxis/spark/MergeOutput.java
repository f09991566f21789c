package io.doraxis.spark;

import io.doraxis.catalog.FirstRead;
import io.doraxis.catalog.StoredObject;
import io.doraxis.merge.MergeRefusedException;
import io.doraxis.merge.MergeRefusedException.Code;
import io.doraxis.merge.OutputShard;
import io.doraxis.store.ObjectStore;
import io.doraxis.tensorfile.MalformedTensorFileException;
import io.doraxis.tensorfile.SafetensorsReader;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Where a merged model is written: one file, or a folder of several with their index.
 *
 * @param uri as the request names it
 * @param digest of what the model is made of, which its files carry
 */
record MergeOutput(String uri, List<OutputShard> shards, String digest) {
    static final String EXTENSION = ".safetensors";

    /** The name that files carry the digest under. */
    static final String DIGEST = "doraxis.input_digest";

    private static final String INDEX = "model.safetensors.index.json";
    private static final String DIFFUSERS = "diffusion_pytorch_";

    static boolean isFolder(String uri) {
        return !uri.endsWith(EXTENSION);
    }

    boolean isFolder() {
        return isFolder(uri);
    }

    boolean hasIndex() {
        return isFolder() && shards.size() > 1;
    }

    String place(OutputShard shard) {
        return isFolder() ? uri + "/" + shard.name() : uri;
    }

    String indexPlace() {
        return uri + "/" + indexName();
    }

    private String indexName() {
        return shards.get(0).name().startsWith(DIFFUSERS + "model") ? DIFFUSERS + INDEX : INDEX;
    }

    /**
     * Two models in a folder, or the index of another, would be read for one.
     *
     * @throws MergeRefusedException if the folder holds files of another model
     */
    void requireNoOtherModel(ObjectStore store) throws MergeRefusedException, IOException {
        if (!isFolder()) {
            return;
        }
        Set<String> own = shards.stream().map(OutputShard::name).collect(Collectors.toCollection(HashSet::new));
        if (hasIndex()) {
            own.add(indexName());
        }
        for (String name : store.names(uri)) {
            if ((name.endsWith(EXTENSION) || name.endsWith(INDEX)) && !own.contains(name)) {
                throw new MergeRefusedException(
                        Code.UNSUPPORTED_OUTPUT,
                        uri + " holds " + name + " of another model: remove it, or write to another folder");
            }
        }
    }

    /** Whether a shard has been written, from the same inputs. */
    boolean isThere(ObjectStore store, OutputShard shard) {
        return carries(store, place(shard), digest);
    }

    /** Whether a file says that it was made of that; false where there is none. */
    static boolean carries(ObjectStore store, String place, String digest) {
        try {
            StoredObject output = store.object(place);
            byte[] head = store.head(output, FirstRead.ofWeights(output));
            return digest.equals(SafetensorsReader.read(store.reader(output), head, head.length)
                    .metadata()
                    .get(DIGEST));
        } catch (IOException | MalformedTensorFileException e) {
            return false; // there is none yet, or another
        }
    }

    /**
     * Makes it ready to be written to: the index of an earlier merge is removed before its shards are replaced one by one.
     *
     * @throws MergeRefusedException if the folder holds files of another model
     */
    void begin(ObjectStore store) throws MergeRefusedException, IOException {
        requireNoOtherModel(store);
        if (hasIndex() && !shards.stream().allMatch(shard -> isThere(store, shard))) {
            store.delete(indexPlace());
        }
    }

    /** Removes the shards that have been written, of a model that turned out to be impossible. */
    void removeShards(ObjectStore store) throws IOException {
        for (OutputShard shard : shards) {
            if (isFolder() && isThere(store, shard)) {
                store.delete(place(shard));
            }
        }
    }
}

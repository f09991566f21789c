package io.doraxis.spark;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.doraxis.store.ObjectStore;
import io.doraxis.store.OutputFile;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The index that says which file of a model holds which tensor, as transformers and diffusers read it. */
final class ModelIndex {
    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

    private ModelIndex() {}

    /** Writes it beside the shards, the last of a model's files; a single one needs none. */
    static void write(ObjectStore store, PreparedMerge merge, List<ShardResult> shards) throws IOException {
        if (!merge.output().hasIndex()) {
            return;
        }
        Map<String, String> files = new TreeMap<>();
        long bytes = 0;
        for (ShardResult shard : shards) {
            shard.tensors().forEach(tensor -> files.put(tensor, shard.name()));
            bytes += shard.dataBytes();
        }
        try (OutputFile index = OutputFile.create(store, merge.output().indexPlace())) {
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("metadata", Map.of("total_size", bytes));
            json.put("weight_map", files);
            index.write(JSON.writeValueAsBytes(json));
            index.publish();
        }
    }
}

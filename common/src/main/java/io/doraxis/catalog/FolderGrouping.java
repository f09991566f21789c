package io.doraxis.catalog;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The objects of one folder as checkpoints. Every object ends up in exactly one checkpoint or is ignored with a reason.
 *
 * @param ignored how many objects were ignored, by why
 */
public record FolderGrouping(List<Checkpoint> checkpoints, Map<ObjectRole, Integer> ignored) {
    private static final String PEFT_WEIGHTS = "adapter_model.safetensors";
    private static final String PEFT_PICKLED_WEIGHTS = "adapter_model.bin";

    /** {@code model.safetensors.index.json}, of a variant {@code model.safetensors.index.fp16.json}. */
    static final Pattern INDEX = Pattern.compile("(.+)\\.(safetensors|bin)\\.index(\\.[A-Za-z0-9_]+)?\\.json");

    private static final String SHARD = "-\\d{5}-of-\\d{5}";

    /** Groups the objects of one folder, or those of one {@link #keyOf key}, in any order. */
    public static FolderGrouping of(Iterable<StoredObject> folder) {
        Map<ObjectRole, Integer> ignored = new EnumMap<>(ObjectRole.class);
        SortedMap<String, StoredObject> weights = new TreeMap<>();
        StoredObject config = null;
        List<StoredObject> indexes = new ArrayList<>();
        for (StoredObject object : folder) {
            ObjectRole role = ObjectRole.of(object);
            switch (role) {
                case WEIGHTS -> weights.put(object.fileName(), object);
                case ADAPTER_CONFIG -> config = object;
                case SHARD_INDEX -> indexes.add(object);
                default -> ignored.merge(role, 1, Integer::sum);
            }
        }
        List<Checkpoint> checkpoints = new ArrayList<>();
        if (config != null && !takePeftDirectory(config, weights, checkpoints)) {
            ignored.merge(ObjectRole.IGNORED_CONFIG, 1, Integer::sum);
        }
        for (StoredObject index : indexes) {
            checkpoints.add(takeShards(index, weights));
        }
        weights.values().forEach(file -> checkpoints.add(Checkpoint.file(file)));
        return new FolderGrouping(checkpoints, ignored);
    }

    private static boolean takePeftDirectory(
            StoredObject config, Map<String, StoredObject> weights, List<Checkpoint> checkpoints) {
        StoredObject file = weights.remove(PEFT_WEIGHTS);
        if (file == null) {
            file = weights.remove(PEFT_PICKLED_WEIGHTS); // beside safetensors it is a twin, with a row of its own
        }
        if (file != null) {
            checkpoints.add(new Checkpoint(Checkpoint.Form.PEFT_DIRECTORY, config.directory(), List.of(file), config));
        }
        return file != null;
    }

    private static Checkpoint takeShards(StoredObject index, SortedMap<String, StoredObject> weights) {
        Matcher name = INDEX.matcher(index.fileName());
        if (!name.matches()) {
            throw new IllegalArgumentException("not an index: " + index.uri());
        }
        String base = name.group(1);
        String variant = name.group(3) == null ? "" : Pattern.quote(name.group(3));
        String end = "\\." + name.group(2);
        Pattern shard = Pattern.compile( // diffusers wrote a variant's name behind the number at first
                Pattern.quote(base) + "(" + variant + SHARD + "|" + SHARD + variant + ")" + end);
        List<StoredObject> shards = new ArrayList<>();
        for (StoredObject file : weights.subMap(base + '-', base + '/').values()) { // '.' and '/' come next to '-'
            if (shard.matcher(file.fileName()).matches()) {
                shards.add(file);
            }
        }
        shards.forEach(file -> weights.remove(file.fileName()));
        return new Checkpoint(Checkpoint.Form.SHARDED, index.uri(), shards, index);
    }

    /**
     * What has to be looked at together: objects with the same key. Those that can form a checkpoint with others have
     * their folder's; the rest of a folder, which may hold a million files, has many.
     */
    public static String keyOf(StoredObject object) {
        String name = object.fileName();
        boolean partOfAnother =
                name.startsWith("adapter_") || INDEX.matcher(name).matches() || name.contains("-of-");
        return partOfAnother
                ? object.directory()
                : object.directory() + "/#" + Integer.toHexString(name.hashCode() & 0xff);
    }
}

package io.doraxis.catalog;

import io.doraxis.catalog.FolderCards.Placed;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The objects of one folder as checkpoints. Every object ends up in exactly one checkpoint or is ignored with a reason.
 *
 * @param ignored how many objects were ignored, by why
 */
public record FolderGrouping(List<Checkpoint> checkpoints, Map<ObjectRole, Integer> ignored) {
    /** What makes a folder an adapter of PEFT's, beside its weights. */
    public static final String PEFT_CONFIG = "adapter_config.json";

    private static final String PEFT_WEIGHTS = "adapter_model.safetensors";
    private static final String PEFT_PICKLED_WEIGHTS = "adapter_model.bin";

    /**
     * {@code model.safetensors.index.json}, of a variant {@code model.safetensors.index.fp16.json}, which diffusers wrote
     * as {@code model.safetensors.fp16.index.json} at first.
     */
    static final Pattern INDEX =
            Pattern.compile("(.+)\\.(safetensors|bin)(?:\\.index(\\.\\w+)?|(\\.\\w+)\\.index)\\.json");

    /** What model managers put behind a file's name for what they know of it, the more telling first. */
    private static final List<String> SIDE_SUFFIXES =
            List.of(".civitai.info", ".cm-info.json", ".metadata.json", ".json");

    private static final String SHARD = "-\\d{5}-of-\\d{5}";
    static final Pattern SHARD_NAME = Pattern.compile(".+" + SHARD + ".*");

    /** {@code .../models--org--name/snapshots/COMMIT/...}: a download cache's files of one commit. */
    private static final Pattern SNAPSHOT = Pattern.compile("(.*/models--[^/]+/snapshots/)[^/]+(/.*)");

    /** Groups the objects of whole folders, in any order. */
    public static FolderGrouping of(Iterable<StoredObject> objects) {
        SortedMap<String, List<StoredObject>> folders = folders(objects);
        FolderCards found = new FolderCards();
        List<Placed> placed = new ArrayList<>();
        folders.values().forEach(folder -> folder.forEach(object -> placed.addAll(found.next(object, keyOf(object)))));
        placed.addAll(found.end());
        return of(folders, placed.stream().map(Placed::card).toList());
    }

    /**
     * Groups the objects of one {@link #keyOf key}, in any order.
     *
     * @param cards those that {@link FolderCards} placed with that key
     */
    public static FolderGrouping of(Iterable<StoredObject> objects, List<StoredObject> cards) {
        return of(folders(objects), cards);
    }

    private static SortedMap<String, List<StoredObject>> folders(Iterable<StoredObject> objects) {
        SortedMap<String, List<StoredObject>> folders = new TreeMap<>();
        for (StoredObject object : objects) {
            folders.computeIfAbsent(object.directory(), folder -> new ArrayList<>())
                    .add(object);
        }
        return folders;
    }

    private static FolderGrouping of(SortedMap<String, List<StoredObject>> folders, List<StoredObject> cards) {
        List<Checkpoint> checkpoints = new ArrayList<>();
        Map<ObjectRole, Integer> ignored = new EnumMap<>(ObjectRole.class);
        Set<List<String>> blobs = new HashSet<>();
        folders.forEach((name, folder) -> {
            StoredObject card = cards.stream()
                    .filter(each -> each.directory().equals(name))
                    .findFirst()
                    .orElse(null);
            FolderGrouping grouping = ofFolder(folder);
            grouping.ignored.forEach((role, count) -> ignored.merge(role, count, Integer::sum));
            for (Checkpoint checkpoint : grouping.checkpoints) {
                List<String> linked = blobs(checkpoint);
                if (linked.isEmpty() || blobs.add(linked)) {
                    checkpoints.add(card == null ? checkpoint : checkpoint.withCard(card));
                } else {
                    ignored.merge(ObjectRole.IGNORED_CACHE, checkpoint.objects(), Integer::sum);
                }
            }
        });
        return new FolderGrouping(checkpoints, ignored);
    }

    /** A cached checkpoint's files by name, with the blobs that they are links to; empty for any other. */
    private static List<String> blobs(Checkpoint checkpoint) {
        List<StoredObject> files = new ArrayList<>(checkpoint.weights());
        checkpoint.side().ifPresent(files::add);
        boolean cached = files.stream()
                .allMatch(file ->
                        file.etag() != null && SNAPSHOT.matcher(file.uri()).matches());
        return cached
                ? files.stream()
                        .map(file -> file.fileName() + '/' + file.etag())
                        .toList()
                : List.of();
    }

    private static FolderGrouping ofFolder(List<StoredObject> folder) {
        Map<ObjectRole, Integer> ignored = new EnumMap<>(ObjectRole.class);
        SortedMap<String, StoredObject> weights = new TreeMap<>();
        Map<String, StoredObject> configs = new HashMap<>();
        StoredObject config = null;
        List<StoredObject> indexes = new ArrayList<>();
        for (StoredObject object : folder) {
            ObjectRole role = ObjectRole.of(object);
            switch (role) {
                case WEIGHTS -> weights.put(object.fileName(), object);
                case ADAPTER_CONFIG -> config = object;
                case SHARD_INDEX -> indexes.add(object);
                case IGNORED_CONFIG -> configs.put(object.fileName(), object);
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
        weights.values().forEach(file -> checkpoints.add(Checkpoint.file(file, takeSideFile(file, configs))));
        if (!configs.isEmpty()) {
            ignored.merge(ObjectRole.IGNORED_CONFIG, configs.size(), Integer::sum);
        }
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

    /** What lies beside a file under its name; null without it. */
    private static StoredObject takeSideFile(StoredObject file, Map<String, StoredObject> configs) {
        if (configs.isEmpty()) {
            return null;
        }
        String stem = stem(file.fileName());
        return SIDE_SUFFIXES.stream()
                .map(suffix -> configs.remove(stem + suffix))
                .filter(Objects::nonNull)
                .findFirst()
                .orElse(null);
    }

    private static String stem(String name) {
        for (String suffix : SIDE_SUFFIXES) {
            if (name.endsWith(suffix)) {
                return name.substring(0, name.length() - suffix.length());
            }
        }
        int dot = name.lastIndexOf('.');
        return dot < 0 ? name : name.substring(0, dot);
    }

    private static Checkpoint takeShards(StoredObject index, SortedMap<String, StoredObject> weights) {
        Matcher name = INDEX.matcher(index.fileName());
        if (!name.matches()) {
            throw new IllegalArgumentException("not an index: " + index.uri());
        }
        String base = name.group(1);
        String variant = Stream.of(name.group(3), name.group(4))
                .filter(Objects::nonNull)
                .map(Pattern::quote)
                .findFirst()
                .orElse("");
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
     * The names of the objects beside one that can make it part of a checkpoint, whether they are there or not; empty
     * where its own name does not tell them, as that of a shard does not.
     */
    public static Optional<List<String>> companions(StoredObject object) {
        String name = object.fileName();
        switch (ObjectRole.of(object)) {
            case WEIGHTS -> {
                if (SHARD_NAME.matcher(name).matches()) {
                    return Optional.empty();
                }
                List<String> names = new ArrayList<>(List.of(FolderCards.NAME));
                SIDE_SUFFIXES.forEach(suffix -> names.add(stem(name) + suffix));
                if (name.equals(PEFT_WEIGHTS) || name.equals(PEFT_PICKLED_WEIGHTS)) {
                    names.addAll(List.of(PEFT_CONFIG, PEFT_WEIGHTS, PEFT_PICKLED_WEIGHTS));
                    names.remove(name);
                }
                return Optional.of(names);
            }
            case ADAPTER_CONFIG -> {
                return Optional.of(List.of(PEFT_WEIGHTS, PEFT_PICKLED_WEIGHTS, FolderCards.NAME));
            }
            case SHARD_INDEX, IGNORED_CONFIG -> {
                return Optional.empty();
            }
            default -> {
                return Optional.of(List.of());
            }
        }
    }

    /**
     * What has to be looked at together: objects with the same key. Those that can form a checkpoint with others have
     * their folder's; the rest of a folder, which may hold a million files, has many, each with the side files of its
     * files. The snapshots of a cached repository have one key for what lies at the same place in them.
     */
    public static String keyOf(StoredObject object) {
        String uri = object.uri().contains("/snapshots/")
                ? SNAPSHOT.matcher(object.uri()).replaceFirst("$1*$2")
                : object.uri();
        String directory = uri.substring(0, Math.max(0, uri.lastIndexOf('/')));
        String name = object.fileName();
        boolean partOfAnother =
                name.startsWith("adapter_") || INDEX.matcher(name).matches() || name.contains("-of-");
        return partOfAnother
                ? directory
                : directory + "/#" + Integer.toHexString(stem(name).hashCode() & 0xff);
    }
}

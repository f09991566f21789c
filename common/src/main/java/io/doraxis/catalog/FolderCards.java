package io.doraxis.catalog;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Brings a repository's card, its {@code README.md}, to the checkpoints of its folder: objects are looked at by {@link
 * FolderGrouping#keyOf key}, of which a folder has many. Is told of each object as it is listed, and answers where a
 * folder ends; what a listing tells in pieces loses its cards and nothing else. A folder of very many files is no
 * repository, and its card speaks for none of them.
 */
public final class FolderCards {
    /** Files that are no shards: a repository holds one model, in a few forms. */
    static final int MOST_FILES = 64;

    static final String NAME = "README.md";

    private final Deque<Open> path = new ArrayDeque<>();

    /**
     * A card and the key of objects that it speaks for.
     *
     * @param key as {@link FolderGrouping#keyOf} gives it to them
     */
    public record Placed(String key, StoredObject card) {}

    /** A folder whose objects are being told. */
    private static final class Open {
        final String folder;
        final Set<String> keys = new HashSet<>();
        int files;
        StoredObject card;

        Open(String folder) {
            this.folder = folder;
        }

        boolean holds(String uri) {
            return uri.startsWith(folder) && uri.length() > folder.length() && uri.charAt(folder.length()) == '/';
        }

        boolean holdsItself(String uri) {
            return holds(uri) && uri.lastIndexOf('/') == folder.length();
        }
    }

    /** Whether an object may be a card. */
    static boolean isCard(StoredObject object) {
        return object.fileName().equals(NAME) && object.size() > 0 && ObjectRole.of(object) == ObjectRole.IGNORED_TEXT;
    }

    /**
     * Takes the next object of a listing.
     *
     * @param key the object's
     * @return the cards of the folders that end before it
     */
    public List<Placed> next(StoredObject object, String key) {
        String uri = object.uri();
        List<Placed> placed = path.isEmpty() || path.peek().holds(uri) ? List.of() : closed(uri);
        if (path.isEmpty() || !path.peek().holdsItself(uri)) {
            path.push(new Open(object.directory()));
        }
        note(path.peek(), object, key);
        return placed;
    }

    private static void note(Open folder, StoredObject object, String key) {
        switch (ObjectRole.of(object)) {
            case WEIGHTS -> {
                folder.files += object.fileName().contains("-of-") ? 0 : 1;
                if (folder.files <= MOST_FILES) {
                    folder.keys.add(key);
                }
            }
            case SHARD_INDEX -> folder.keys.add(key);
            case IGNORED_TEXT -> folder.card = isCard(object) ? object : folder.card;
            default -> {} // speaks for itself
        }
    }

    /** The cards of the folders that are still open at the end of the listing. */
    public List<Placed> end() {
        return closed("");
    }

    /** Ends the folders that do not lead to that object. */
    private List<Placed> closed(String uri) {
        List<Placed> placed = new ArrayList<>();
        while (!path.isEmpty() && !path.peek().holds(uri)) {
            Open folder = path.pop();
            if (folder.card != null && folder.files <= MOST_FILES) {
                folder.keys.forEach(key -> placed.add(new Placed(key, folder.card)));
            }
        }
        return placed;
    }
}

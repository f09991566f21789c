package io.doraxis.catalog;

/**
 * How many bytes to ask for first, so that one request brings nearly every header. The sizes follow the headers of real
 * checkpoints: shards of big models have 64 KiB at the most, adapters 512 KiB nearly always.
 */
public final class FirstRead {
    private static final long WHOLE_BELOW = 4L << 20;
    private static final long ADAPTERS_BELOW = 2L << 30;
    private static final int SHARD = 64 << 10;
    private static final int ADAPTER = 512 << 10;
    private static final int MODEL = 256 << 10;
    private static final int INDEX = 64 << 20;
    private static final int CONFIG = 4 << 20;
    private static final int CARD = 64 << 10;

    private FirstRead() {}

    /** Bytes to read of an object, by what its name makes of it: none of one that is ignored. */
    public static int of(StoredObject object) {
        if (object.isUnlistable()) {
            return 0;
        }
        return switch (ObjectRole.of(object)) {
            case WEIGHTS -> ofWeights(object);
            case ADAPTER_CONFIG, SHARD_INDEX -> ofSideFile(object);
            default -> 0; // some are side files or cards, which are short
        };
    }

    /** Bytes to read of a file that may hold tensors: all of a small one. */
    public static int ofWeights(StoredObject file) {
        if (file.size() < WHOLE_BELOW) {
            return (int) file.size();
        }
        if (FolderGrouping.SHARD_NAME.matcher(file.fileName()).matches()) {
            return SHARD;
        }
        return file.size() <= ADAPTERS_BELOW ? ADAPTER : MODEL;
    }

    /** Bytes to read of a configuration or index: all of it, unless it cannot be one. */
    public static int ofSideFile(StoredObject file) {
        return (int) Math.min(file.size(), ObjectRole.of(file) == ObjectRole.SHARD_INDEX ? INDEX : CONFIG);
    }

    /** Bytes to read of a repository's card, whose front matter comes first. */
    public static int ofCard(StoredObject card) {
        return (int) Math.min(card.size(), CARD);
    }
}

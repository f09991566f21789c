package io.doraxis.catalog;

import java.io.Serializable;

/**
 * One object as a listing shows it.
 *
 * @param uri as Hadoop prints it, not percent-encoded
 * @param size in bytes; negative for a folder that could not be listed
 * @param etag null where the store has none
 * @param modified milliseconds since 1970
 */
public record StoredObject(String uri, long size, String etag, long modified) implements Serializable {
    /** A folder that could not be listed, in place of what it holds: its row tells so. */
    public static StoredObject unlistable(String folder) {
        return new StoredObject(folder, -1, null, 0);
    }

    public boolean isUnlistable() {
        return size < 0;
    }

    /** The folder that holds it, without a slash at the end. */
    public String directory() {
        return uri.substring(0, Math.max(0, uri.lastIndexOf('/')));
    }

    /** The last part of its URI. */
    public String fileName() {
        return uri.substring(uri.lastIndexOf('/') + 1);
    }
}

package io.doraxis.catalog;

import java.io.Serializable;

/**
 * One object as a listing shows it.
 *
 * @param uri as Hadoop prints it, not percent-encoded
 * @param size in bytes; negative for a folder that could not be listed, or a file that could not be looked up
 * @param etag null where the store has none
 * @param modified milliseconds since 1970; {@link #UNKNOWN_TIME} where nobody told
 */
public record StoredObject(String uri, long size, String etag, long modified) implements Serializable {
    /** In place of a time. */
    public static final long UNKNOWN_TIME = 0;

    /** A folder that could not be listed, in place of what it holds, or a file of unknown size: its row tells so. */
    public static StoredObject unlistable(String uri) {
        return new StoredObject(uri, -1, null, UNKNOWN_TIME);
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

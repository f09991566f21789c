package io.doraxis.catalog;

import java.io.Serializable;

/**
 * One object as a listing shows it.
 *
 * @param uri as Hadoop prints it, not percent-encoded
 * @param size in bytes
 * @param etag null where the store has none
 * @param modified milliseconds since 1970
 */
public record StoredObject(String uri, long size, String etag, long modified) implements Serializable {
    /** The folder that holds it, without a slash at the end. */
    public String directory() {
        return uri.substring(0, Math.max(0, uri.lastIndexOf('/')));
    }

    /** The last part of its URI. */
    public String fileName() {
        return uri.substring(uri.lastIndexOf('/') + 1);
    }
}

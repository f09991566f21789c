package io.doraxis.store;

import io.doraxis.catalog.ManifestEntry;
import io.doraxis.catalog.StoredObject;
import java.io.IOException;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;

/**
 * Objects that a manifest names, as a listing would show them.
 *
 * @param folder that relative paths are below
 */
public record NamedObjects(ObjectStore store, String folder) {
    private static final Pattern ABSOLUTE = Pattern.compile("/.*|[A-Za-z][A-Za-z0-9+.-]*:/.*", Pattern.DOTALL);

    /**
     * A path as a listing spells it.
     *
     * @throws IOException if it is none, or there is no file system for it
     */
    public String uri(String path) throws IOException {
        Path named = ObjectStore.path(ABSOLUTE.matcher(path).matches() ? path : folder + "/" + path);
        return store.fileSystem(named).makeQualified(named).toString();
    }

    /**
     * The object of an entry; the store is asked for what it does not tell, and what cannot be told is a row of its own.
     *
     * @throws IOException if the path is none
     */
    public StoredObject object(ManifestEntry entry) throws IOException {
        String uri = uri(entry.path());
        return entry.size() == null
                ? lookedUp(uri)
                : new StoredObject(uri, entry.size(), entry.etag(), entry.modified());
    }

    private StoredObject lookedUp(String uri) {
        try {
            FileStatus status = store.status(uri);
            return status.isDirectory()
                    ? StoredObject.unlistable(uri + "/") // without the slash it is what an adapter in it is called
                    : ObjectStore.object(status);
        } catch (IOException e) {
            return StoredObject.unlistable(uri);
        }
    }
}

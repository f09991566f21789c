package io.doraxis.tensorfile;

import java.io.IOException;
import java.io.InputStream;

/** Random-access bytes of one object: the only way this package touches the outside world. */
public interface RangeReader {
    /** The object's URI, for messages. */
    String name();

    /** Size of the object in bytes, as its listing says. */
    long length();

    /**
     * Opens the bytes {@code [from, to)} in one request.
     *
     * @throws IOException if the store fails
     */
    InputStream open(long from, long to) throws IOException;
}

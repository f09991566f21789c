package io.doraxis.audit;

import io.doraxis.catalog.StoredObject;
import io.doraxis.tensorfile.RangeReader;
import io.doraxis.tensorfile.Reason;

/**
 * One file of a checkpoint with the bytes that the first request brought.
 *
 * @param head first bytes, all of them for a small file
 * @param length how many of them there are
 * @param reader for what lies behind them
 * @param failure null when the store answered; otherwise why there are no bytes
 */
public record FetchedFile(StoredObject object, byte[] head, int length, RangeReader reader, Failure failure) {
    /** The store's answer in place of bytes. */
    public record Failure(Reason reason, String message) {}

    public static FetchedFile of(StoredObject object, byte[] head, RangeReader reader) {
        return new FetchedFile(object, head, head.length, reader, null);
    }

    public static FetchedFile failed(StoredObject object, Failure failure) {
        return new FetchedFile(object, new byte[0], 0, null, failure);
    }

    /** Whether the file is in memory as a whole. */
    public boolean isWhole() {
        return failure == null && length == object.size();
    }
}

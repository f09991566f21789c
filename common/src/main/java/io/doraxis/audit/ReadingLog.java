package io.doraxis.audit;

import io.doraxis.catalog.StoredObject;
import io.doraxis.tensorfile.Finding;
import io.doraxis.tensorfile.MalformedTensorFileException;
import io.doraxis.tensorfile.PickleScan;
import io.doraxis.tensorfile.Printable;
import io.doraxis.tensorfile.RangeReader;
import io.doraxis.tensorfile.Reason;
import io.doraxis.tensorfile.StoreException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;

/** What was met while one checkpoint was read: bytes, requests, failures, oddities, names in pickles. */
final class ReadingLog {
    private static final int MAX_MESSAGE = 4_000;

    private final List<Finding> findings = new ArrayList<>();
    private final PickleScan pickles = new PickleScan();
    private String container;
    private Reason reason;
    private String message;
    private long bytesRead;
    private int requests;
    private int unreadable;

    List<Finding> findings() {
        return findings;
    }

    PickleScan pickles() {
        return pickles;
    }

    /** Counts the request that brought a file's first bytes. */
    void count(FetchedFile file) {
        bytesRead += file.length();
        requests++;
    }

    void count(CheckpointAuditor.Values values) {
        bytesRead += values.bytes();
        requests += values.requests();
    }

    /** What is read behind the first bytes counts too, however the reading ends. */
    RangeReader counted(RangeReader reader) {
        return new RangeReader() {
            @Override
            public String name() {
                return reader.name();
            }

            @Override
            public long length() {
                return reader.length();
            }

            @Override
            public InputStream open(long from, long to) throws IOException {
                requests++;
                return new FilterInputStream(reader.open(from, to)) {
                    @Override
                    public int read(byte[] into, int at, int length) throws IOException {
                        int read = super.read(into, at, length);
                        bytesRead += Math.max(read, 0);
                        return read;
                    }
                };
            }
        };
    }

    /** The checkpoint's container is that of its first file. */
    void container(String name) {
        if (container == null) {
            container = name;
        }
    }

    void failed(FetchedFile.Failure failure) {
        failed(failure.reason(), failure.message());
    }

    void failed(StoredObject object, MalformedTensorFileException e) {
        failed(e.reason(), object.uri() + ": " + e.getMessage());
    }

    void failed(IOException e) {
        failed(
                e instanceof StoreException store ? store.reason() : Reason.STORE_FAILED,
                e instanceof StoreException ? e.getMessage() : e.toString());
    }

    /** The first failure names the row's reason, and a store's goes before a file's: it may pass. */
    private void failed(Reason why, String text) {
        unreadable++;
        if (reason == null || why.isTheStores() && !reason.isTheStores()) {
            reason = why;
            message = Printable.of(text, MAX_MESSAGE);
        }
    }

    Reading reading(int filesRead) {
        Status status = unreadable == 0 ? Status.OK : filesRead > 0 ? Status.PARTIAL : Status.of(reason);
        return new Reading(status, container, reason, message, bytesRead, requests, 0);
    }
}

package io.doraxis.store;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;

/** A range of an object, which goes on where it was when the store fails midway. */
final class RetriedStream extends InputStream {
    /** Opens the rest of the range. */
    interface Opening {
        InputStream open(long from, long to) throws IOException;
    }

    private final String uri;
    private final Opening opening;
    private final Retries retries;
    private final RetryBudget budget;
    private final long end;
    private long at;
    private InputStream in;

    RetriedStream(String uri, long from, long to, Opening opening, Retries retries, RetryBudget budget) {
        this.uri = uri;
        this.opening = opening;
        this.retries = retries;
        this.budget = budget;
        this.at = from;
        this.end = to;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : Byte.toUnsignedInt(one[0]);
    }

    @Override
    public int read(byte[] into, int from, int count) throws IOException {
        if (at >= end || count == 0) {
            return count == 0 ? 0 : -1;
        }
        for (int tries = 1; true; tries++) {
            try {
                return some(into, from, (int) Math.min(count, end - at));
            } catch (IOException e) {
                abandon();
                again(e, tries);
            }
        }
    }

    private int some(byte[] into, int from, int count) throws IOException {
        boolean opened = in == null;
        if (opened) {
            in = opening.open(at, end);
        }
        int read = in.read(into, from, count);
        if (read < 0) {
            throw new EOFException("found the end of the body at byte " + at + ", expected byte " + end);
        }
        if (opened) {
            budget.succeeded();
        }
        at += read;
        return read;
    }

    private void again(IOException met, int tries) throws IOException {
        try {
            retries.pause(budget, met, tries);
        } catch (IOException e) {
            throw StoreFailure.of(uri, e);
        }
    }

    private void abandon() {
        try {
            close();
        } catch (IOException e) {
            in = null; // it is broken already
        }
    }

    @Override
    public void close() throws IOException {
        InputStream open = in;
        in = null;
        if (open != null) {
            open.close();
        }
    }
}

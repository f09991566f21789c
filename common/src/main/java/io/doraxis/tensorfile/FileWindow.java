package io.doraxis.tensorfile;

import static io.doraxis.tensorfile.Reason.OVER_LIMIT;

import java.io.IOException;
import java.util.Arrays;

/**
 * The part of a file that is in memory, of one that is read forwards by small steps with large gaps between them. What
 * it holds and how often it asks the store are bounded, whatever the file says.
 */
final class FileWindow {
    /** More than any of the steps takes. */
    static final int STEP = 4 << 10;

    private static final int BYTES = 64 << 10;
    private static final int MAX_REQUESTS = 1_000;

    private final FileBytes file;
    private byte[] bytes;
    private int length;

    /** Position in the file of {@code bytes[0]}. */
    private long origin;

    private int requests;

    FileWindow(FileBytes file) {
        this.file = file;
        this.bytes = file.head();
        this.length = file.headLength();
    }

    /** A cursor from one place of the file towards another, over no more than {@link #STEP} bytes. */
    PickleInput step(long from, long to) throws MalformedTensorFileException, IOException {
        long end = Math.min(to, from + STEP);
        if (from < origin || end > origin + length) {
            load(from, Math.min(to, from + BYTES));
        }
        return new PickleInput(bytes, (int) (from - origin), (int) (end - origin), origin);
    }

    /** The bytes {@code [from, to)}; the caller bounds their number. */
    byte[] bytes(long from, long to) throws MalformedTensorFileException, IOException {
        if (from < origin || to > origin + length) {
            load(from, Math.max(to, Math.min(file.length(), from + BYTES)));
        }
        return Arrays.copyOfRange(bytes, (int) (from - origin), (int) (to - origin));
    }

    private void load(long from, long to) throws MalformedTensorFileException, IOException {
        if (!file.inHand(from, to) && ++requests > MAX_REQUESTS) {
            throw new MalformedTensorFileException(
                    OVER_LIMIT, from, "more than " + MAX_REQUESTS + " parts to read", "what a model takes");
        }
        bytes = file.read(from, to);
        length = bytes.length;
        origin = from;
    }
}

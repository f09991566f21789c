package io.doraxis.tensorfile;

/**
 * The bytes contradict the format, or are not one that is read. Distinct from {@link java.io.IOException}: the file is
 * wrong, not the store, and a retry cannot help.
 */
public final class MalformedTensorFileException extends Exception {
    private static final long serialVersionUID = 1;

    private static final int MAX_TEXT = 400;

    private final Reason reason;
    private final long offset;

    /**
     * @param offset byte of the file at which the reader stopped
     * @param found what stands there
     * @param expected what the format demands there
     */
    public MalformedTensorFileException(Reason reason, long offset, String found, String expected) {
        // Without a stack trace: it tells of a file, thousands of times in an audit, and not of the program.
        super(
                reason + " at byte " + offset + ": found " + Printable.of(found, MAX_TEXT) + ", expected " + expected,
                null,
                false,
                false);
        this.reason = reason;
        this.offset = offset;
    }

    public Reason reason() {
        return reason;
    }

    public long offset() {
        return offset;
    }
}

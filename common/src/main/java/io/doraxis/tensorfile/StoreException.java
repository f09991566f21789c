package io.doraxis.tensorfile;

import java.io.IOException;

/** The store refused or failed: a row for this object, and no fault of the file's. */
public final class StoreException extends IOException {
    private static final long serialVersionUID = 1;

    private final Reason reason;

    public StoreException(Reason reason, String message, Throwable cause) {
        super(message, cause);
        this.reason = reason;
    }

    /** The store sent fewer bytes than the object's listed size promises. */
    static StoreException shortBody(String name, long ended, long expected) {
        return new StoreException(
                Reason.SHORT_BODY,
                "%s: SHORT_BODY at byte %d: found the end of the body, expected byte %d"
                        .formatted(name, ended, expected),
                null);
    }

    public Reason reason() {
        return reason;
    }
}

package io.doraxis.store;

import io.doraxis.store.AnsweredRange.WrongRangeException;
import io.doraxis.tensorfile.Reason;
import io.doraxis.tensorfile.StoreException;
import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import org.apache.hadoop.fs.s3a.HttpChannelEOFException;
import org.apache.hadoop.fs.s3a.RemoteFileChangedException;
import org.apache.hadoop.security.AccessControlException;

/** What a store's failure means for the object that was read. */
public final class StoreFailure {
    /** How Apache's HTTP client says that a connection ended within a body. */
    private static final String BODY_ENDED = "Premature end of";

    private StoreFailure() {}

    public static StoreException of(String uri, IOException e) {
        if (e instanceof StoreException known) {
            return known;
        }
        Reason reason = reason(e);
        String said = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        return new StoreException(
                reason,
                "%s: %s: %s".formatted(uri, reason, said.lines().findFirst().orElse("")),
                e);
    }

    private static Reason reason(IOException e) {
        if (e instanceof FileNotFoundException || e instanceof NoSuchFileException) {
            return Reason.STORE_NOT_FOUND;
        }
        if (e instanceof AccessDeniedException || e instanceof AccessControlException) {
            return Reason.STORE_FORBIDDEN;
        }
        if (e instanceof RemoteFileChangedException) {
            return Reason.STORE_CHANGED;
        }
        if (isWrongRange(e)) {
            return Reason.WRONG_RANGE;
        }
        return isShort(e) ? Reason.SHORT_BODY : Reason.STORE_FAILED;
    }

    private static boolean isWrongRange(IOException e) {
        Throwable cause = e;
        while (cause != null && !(cause instanceof WrongRangeException)) {
            cause = cause.getCause();
        }
        return cause != null;
    }

    private static boolean isShort(IOException e) {
        boolean ended = e.getMessage() != null && e.getMessage().contains(BODY_ENDED);
        return ended || e instanceof EOFException && !(e instanceof HttpChannelEOFException);
    }
}

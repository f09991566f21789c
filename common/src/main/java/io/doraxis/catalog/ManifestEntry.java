package io.doraxis.catalog;

import java.time.DateTimeException;
import java.time.Instant;

/**
 * What a manifest says of one object.
 *
 * @param path absolute, or relative to the manifest's folder
 * @param size in bytes; null where it is not told
 * @param etag null where it is not told
 * @param modified milliseconds since 1970; {@link StoredObject#UNKNOWN_TIME} where it is not told
 */
public record ManifestEntry(String path, Long size, String etag, long modified) {
    /** The end of the year 9999: beyond are microseconds and nanoseconds, which tables could not hold. */
    private static final long LAST_TIME = 253_402_300_799_999L;

    /**
     * Reads the fields of a line; all but the path may be null or empty.
     *
     * @throws IllegalArgumentException if a field is not what it should be
     */
    public static ManifestEntry parse(String path, String size, String etag, String mtime) {
        if (isMissing(path)) {
            throw new IllegalArgumentException("no path");
        }
        return new ManifestEntry(
                path,
                isMissing(size) ? null : Long.valueOf(size(size.strip())),
                isMissing(etag) ? null : etag.strip().replace("\"", ""),
                isMissing(mtime) ? StoredObject.UNKNOWN_TIME : time(mtime.strip()));
    }

    private static boolean isMissing(String field) {
        return field == null || field.isBlank();
    }

    private static long size(String field) {
        long size;
        try {
            size = Long.parseLong(field);
        } catch (NumberFormatException e) {
            size = -1;
        }
        if (size < 0) {
            throw new IllegalArgumentException("the size '" + field + "' is no number of bytes");
        }
        return size;
    }

    private static long time(String field) {
        String wanted = "the mtime '" + field + "' is neither like 2026-01-31T12:00:00Z nor milliseconds since 1970";
        long time;
        try {
            time = field.chars().allMatch(Character::isDigit)
                    ? Long.parseLong(field)
                    : Instant.parse(field).toEpochMilli();
        } catch (DateTimeException | ArithmeticException | NumberFormatException e) {
            throw new IllegalArgumentException(wanted, e);
        }
        if (time > LAST_TIME) {
            throw new IllegalArgumentException(wanted);
        }
        return time;
    }
}

package io.doraxis.tensorfile;

import static io.doraxis.tensorfile.Reason.BODY_TRUNCATED;
import static io.doraxis.tensorfile.Reason.INVALID_TAR;
import static io.doraxis.tensorfile.Reason.OVER_LIMIT;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The members of a tar archive, as Python's {@code tarfile} writes it (POSIX.1-2001: ustar headers, some behind a pax
 * header). An archive that two readers could read differently is refused: names that come twice, links, sparse members
 * and other kinds.
 *
 * @param isEnded whether the mark of the end was met; a file that was cut between two members lacks it
 */
record TarArchive(Map<String, Member> members, boolean isEnded) {
    static final int BLOCK = 512;
    private static final int SIZE_AT = 124;
    private static final int SUM_AT = 148;
    private static final int KIND_AT = 156;
    private static final int PREFIX_AT = 345;
    private static final int MAX_MEMBERS = 64;

    /** Of a pax header, which holds a fraction of a second. */
    private static final int MAX_PAX = 4 << 10;

    /** Where a member's content lies in the file. */
    record Member(long begin, long end) {}

    /**
     * Finds the members, up to the mark of the end or the end of the file.
     *
     * @throws MalformedTensorFileException if a header is none, or leads out of the file
     */
    static TarArchive read(FileWindow window, long fileLength) throws MalformedTensorFileException, IOException {
        Map<String, Member> members = new LinkedHashMap<>();
        Map<String, String> pax = new HashMap<>();
        long at = 0;
        while (at <= fileLength - BLOCK) {
            byte[] header = window.bytes(at, at + BLOCK);
            if (isZero(header)) {
                return new TarArchive(members, true);
            }
            checkSum(header, at);
            int kind = header[KIND_AT];
            String size = kind == 'x' ? null : pax.get("size");
            long bytes = size == null ? octal(header, at) : decimal(size, at);
            long begin = at + BLOCK;
            if (bytes > fileLength - begin) {
                throw new MalformedTensorFileException(
                        BODY_TRUNCATED, fileLength, "a file of " + fileLength + " bytes", bytes + " from " + begin);
            }
            if (kind == 'x') {
                check(bytes <= MAX_PAX, at, "a pax header of " + bytes + " bytes");
                readPax(window.bytes(begin, begin + bytes), pax, at);
            } else {
                check(kind == '0' || kind == 0, at, "a member of the kind '" + (char) (kind & 0xff) + "'");
                String name = pax.getOrDefault("path", name(header));
                Member before = members.put(name, new Member(begin, begin + bytes));
                check(before == null, at, "'" + Printable.name(name) + "' for the second time");
                pax.clear();
            }
            if (members.size() > MAX_MEMBERS) {
                throw new MalformedTensorFileException(
                        OVER_LIMIT, at, "more than " + MAX_MEMBERS + " members", "the four of torch's");
            }
            at = begin + padded(bytes);
        }
        return new TarArchive(members, false);
    }

    /**
     * The name of the first member, behind its pax header; empty where these first bytes do not reach so far.
     *
     * @param head first bytes of an archive
     */
    static String firstName(byte[] head, int length) {
        long at = 0;
        while (at <= length - BLOCK) {
            byte[] header = Arrays.copyOfRange(head, (int) at, (int) at + BLOCK);
            if (header[KIND_AT] != 'x') {
                return name(header);
            }
            try {
                at += BLOCK + padded(octal(header, at));
            } catch (MalformedTensorFileException e) {
                return "";
            }
        }
        return "";
    }

    private static long padded(long bytes) {
        return (bytes + BLOCK - 1) / BLOCK * BLOCK;
    }

    private static boolean isZero(byte[] block) {
        for (byte b : block) {
            if (b != 0) {
                return false;
            }
        }
        return true;
    }

    /** The sum of the header's bytes, with spaces in place of itself. */
    private static void checkSum(byte[] header, long at) throws MalformedTensorFileException {
        long sum = 0;
        for (int i = 0; i < BLOCK; i++) {
            sum += i >= SUM_AT && i < SUM_AT + 8 ? ' ' : header[i] & 0xff;
        }
        check(sum == number(header, SUM_AT, 8, at), at, "a header of another checksum");
    }

    private static long octal(byte[] header, long at) throws MalformedTensorFileException {
        return number(header, SIZE_AT, 12, at);
    }

    /** Octal digits among spaces and NULs. GNU's binary numbers are for sizes of 8 GiB, which pax tells otherwise. */
    private static long number(byte[] header, int from, int length, long at) throws MalformedTensorFileException {
        String digits = text(header, from, length).strip();
        check(digits.matches("[0-7]{1,12}"), at, "'" + Printable.name(digits) + "' for an octal number");
        return Long.parseLong(digits, 8);
    }

    private static long decimal(String digits, long at) throws MalformedTensorFileException {
        check(digits.matches("[0-9]{1,18}"), at, "'" + Printable.name(digits) + "' for a size");
        return Long.parseLong(digits);
    }

    private static String name(byte[] header) {
        String prefix = text(header, PREFIX_AT, 155);
        String name = text(header, 0, 100);
        return prefix.isEmpty() ? name : prefix + '/' + name;
    }

    /** Up to the first NUL. */
    private static String text(byte[] header, int from, int length) {
        int end = from;
        while (end < from + length && header[end] != 0) {
            end++;
        }
        return new String(header, from, end - from, StandardCharsets.UTF_8);
    }

    /** Records of the form {@code LENGTH key=value\n}, whose length counts all of the record. */
    private static void readPax(byte[] content, Map<String, String> pax, long at) throws MalformedTensorFileException {
        int from = 0;
        while (from < content.length) {
            int space = from;
            while (space < content.length && content[space] >= '0' && content[space] <= '9' && space < from + 5) {
                space++;
            }
            check(space > from && space < content.length && content[space] == ' ', at, "a pax record without a length");
            int end = from + Integer.parseInt(new String(content, from, space - from, StandardCharsets.US_ASCII));
            check(
                    end > space + 1 && end <= content.length && content[end - 1] == '\n',
                    at,
                    "a pax record of a wrong length");
            String record = new String(content, space + 1, end - space - 2, StandardCharsets.UTF_8);
            int equals = record.indexOf('=');
            check(equals > 0 && !record.startsWith("GNU.sparse"), at, "the pax record " + Printable.name(record));
            pax.put(record.substring(0, equals), record.substring(equals + 1));
            from = end;
        }
    }

    private static void check(boolean holds, long at, String found) throws MalformedTensorFileException {
        if (!holds) {
            throw new MalformedTensorFileException(INVALID_TAR, at, found, "a consistent tar archive of torch's");
        }
    }
}

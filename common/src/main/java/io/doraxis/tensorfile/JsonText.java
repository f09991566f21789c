package io.doraxis.tensorfile;

import java.nio.charset.StandardCharsets;

/** Texts of JSON at the level of bytes: UTF-8 and escapes. */
final class JsonText {
    private static final long HIGH_BITS = 0x8080808080808080L;

    private JsonText() {}

    /** The first byte from {@code p} on that is not plain: a quote, a backslash, a control character or not ASCII. */
    static int skipPlain(byte[] bytes, int p, int end) {
        int at = p;
        while (at + 8 <= end) {
            long eight = EightBytes.at(bytes, at);
            long quotes = eight ^ EightBytes.ONES * '"';
            long backslashes = eight ^ EightBytes.ONES * '\\';
            // A borrow may mark bytes above the first one that is marked rightly, never below it.
            long marked = (eight - EightBytes.ONES * ' '
                            | eight
                            | quotes - EightBytes.ONES & ~quotes
                            | backslashes - EightBytes.ONES & ~backslashes)
                    & HIGH_BITS;
            if (marked != 0) {
                return at + (Long.numberOfTrailingZeros(marked) >>> 3);
            }
            at += 8;
        }
        while (at < end && bytes[at] >= ' ' && bytes[at] != '"' && bytes[at] != '\\') {
            at++;
        }
        return at;
    }

    /** Bytes of the sequence that starts with that byte; 0 when none does. */
    static int utf8Length(byte lead) {
        int b = lead & 0xff;
        return b < 0x80 ? 1 : b < 0xc2 ? 0 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : b < 0xf5 ? 4 : 0;
    }

    /** Whether the sequence is well-formed: no overlong form, no surrogate, nothing over U+10FFFF. */
    static boolean isUtf8(byte[] bytes, int at, int length) {
        for (int i = 1; i < length; i++) {
            if ((bytes[at + i] & 0xc0) != 0x80) {
                return false;
            }
        }
        int lead = bytes[at] & 0xff;
        int second = length > 1 ? bytes[at + 1] & 0xff : 0;
        return switch (lead) {
            case 0xe0 -> second >= 0xa0;
            case 0xed -> second < 0xa0;
            case 0xf0 -> second >= 0x90;
            case 0xf4 -> second < 0x90;
            default -> true;
        };
    }

    /** The text between two quotes, its escapes resolved; the bytes were checked before. */
    static String unescape(byte[] bytes, int from, int to) {
        String raw = new String(bytes, from, to - from, StandardCharsets.UTF_8);
        StringBuilder text = new StringBuilder(raw.length());
        for (int i = 0; i < raw.length(); i++) {
            char c = raw.charAt(i);
            if (c != '\\') {
                text.append(c);
                continue;
            }
            char escape = raw.charAt(++i);
            switch (escape) {
                case 'b' -> text.append('\b');
                case 'f' -> text.append('\f');
                case 'n' -> text.append('\n');
                case 'r' -> text.append('\r');
                case 't' -> text.append('\t');
                case 'u' -> {
                    text.append((char) Integer.parseInt(raw, i + 1, i + 5, 16));
                    i += 4;
                }
                default -> text.append(escape);
            }
        }
        return text.toString();
    }
}

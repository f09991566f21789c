package io.doraxis.tensorfile;

import java.util.regex.Pattern;

/** Texts out of files, made fit for messages, logs and terminals. */
public final class Printable {
    /** Control characters of ASCII and C1, invisible ones that turn the direction of writing, line separators. */
    private static final Pattern UNPRINTABLE = Pattern.compile("[\\p{Cc}\\p{Cf}\\u2028\\u2029]");

    private static final int MAX_NAME = 120;

    private Printable() {}

    /** The text in one line, a question mark for what would act on a terminal. */
    public static String of(String text) {
        return isPlain(text) ? text : UNPRINTABLE.matcher(text).replaceAll("?");
    }

    /** Spares nearly all texts the expression. */
    private static boolean isPlain(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c < ' ' || c > '~') {
                return false;
            }
        }
        return true;
    }

    /** The same, of that many characters at the most. */
    public static String of(String text, int length) {
        return of(text.length() <= length ? text : text.substring(0, length - 3) + "...");
    }

    /** A tensor's or module's name, short enough for a message. */
    static String name(String name) {
        return of(name, MAX_NAME);
    }

    /** Whether it would print differently. */
    static boolean alters(String text) {
        return UNPRINTABLE.matcher(text).find();
    }
}

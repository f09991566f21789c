package io.doraxis.adapter;

/**
 * The part of Python's {@code re} that {@code java.util.regex} reads alike, and that does not repeat without reading a
 * character, fail without having read one, or read beyond a path. Hardly anybody needs more for names.
 */
final class PeftSyntax {
    private static final char DELETE = 0x7f;
    private static final String ESCAPED = "dSwbB";
    private static final String ESCAPED_IN_CLASS = "dw";
    private static final String REPEATED_BY_NUMBER = "].dw";

    private final String text;
    private int at;
    private int open;

    /** Whether what was read last is an end or a border, which Python does not let repeat. */
    private boolean border;

    private PeftSyntax(String text) {
        this.text = text;
    }

    /** Whether all of an expression is of that part. */
    static boolean isShared(String expression) {
        PeftSyntax syntax = new PeftSyntax(expression);
        while (syntax.at < expression.length()) {
            if (!syntax.step()) {
                return false;
            }
        }
        return syntax.open == 0;
    }

    private boolean step() {
        char c = text.charAt(at++);
        boolean behindBorder = border;
        border = c == '^' || c == '$';
        return switch (c) {
            case '\\' -> escape();
            case '[' -> characters();
            case '(' -> group();
            case ')' -> --open >= 0;
            case '*', '+', '?' -> !behindBorder;
            case '{' -> REPEATED_BY_NUMBER.indexOf(at > 1 ? text.charAt(at - 2) : 0) >= 0 && next('1', '9');
            default -> c >= ' ';
        };
    }

    private boolean next(char first, char last) {
        return at < text.length() && text.charAt(at) >= first && text.charAt(at) <= last;
    }

    private boolean escape() {
        if (at == text.length()) {
            return false;
        }
        char c = text.charAt(at++);
        border = c == 'b' || c == 'B';
        return !Character.isLetterOrDigit(c) && c >= ' ' || ESCAPED.indexOf(c) >= 0;
    }

    /** A class without another in it, an intersection, a range to a class, or a bracket that closes nothing. */
    private boolean characters() {
        if (next('^', '^')) {
            at++;
        }
        int first = at;
        for (; at < text.length(); at++) {
            char c = text.charAt(at);
            if (c == ']') {
                return at++ > first;
            }
            boolean escaped = c == '\\' && at + 1 < text.length();
            if (escaped) {
                char next = text.charAt(++at);
                if (Character.isLetterOrDigit(next) && ESCAPED_IN_CLASS.indexOf(next) < 0) {
                    return false;
                }
            } else if (c == '[' || c == '&' || c == '~' || c == '|' || c < ' ') {
                return false;
            }
        }
        return false;
    }

    /** A group without a name, one that is not kept, or a look ahead at a character. */
    private boolean group() {
        open++;
        if (!next('?', '?')) {
            return true;
        }
        at++;
        char kind = at < text.length() ? text.charAt(at++) : 0;
        return kind == ':' || (kind == '=' || kind == '!') && at < text.length() && isCharacter(text.charAt(at));
    }

    private static boolean isCharacter(char c) {
        return c == '.' || c == '\\' || c == '[' || c == '_' || c < DELETE && Character.isLetterOrDigit(c);
    }
}

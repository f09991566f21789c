package io.doraxis.adapter;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * The regular expressions of one {@code adapter_config.json} over module paths, as Python's {@code re} matches them. They
 * come from the file, so together they may take so many steps and no more: what would take longer is given up.
 */
final class PeftExpressions {
    /** A second's work. */
    private static final long MAX_STEPS = 30_000_000;

    /** Of an expression that is more than a list of names: nobody writes longer ones by hand. */
    private static final int MAX_LENGTH = 10_000;

    /** One step reads a character with that many characters of an expression. */
    private static final int LENGTH_PER_STEP = 64;

    /** In a name: any character, as an unescaped dot means. */
    private static final char ANY = '\0';

    /** The first character behind the printable ones of ASCII. */
    private static final char DELETE = 0x7f;

    private static final Optional<Boolean> TRUE = Optional.of(true);
    private static final Optional<Boolean> FALSE = Optional.of(false);

    private final Map<String, Expression> read = new HashMap<>();
    private long steps = MAX_STEPS;

    /**
     * What the first key that matches says.
     *
     * @param value null where none matches, or where its own is none
     * @param untold the key at which the search ended, since it cannot be told whether it matches; null without one
     */
    record Found(String key, Double value, String untold) {
        static final Found NONE = new Found(null, null, null);
    }

    /**
     * An expression, read once.
     *
     * @param names of which it is a list; null where it is none
     * @param whole whether a name is a whole path also where the end of one would do
     * @param pattern null for a list of names, and where it is broken or not tried
     */
    private record Expression(List<String> names, boolean whole, Pattern pattern) {}

    /** The first key that matches, as {@code get_pattern_key} in PEFT's {@code utils/other.py} looks it up. */
    Found first(Map<String, Double> patterns, String path) {
        for (Map.Entry<String, Double> entry : patterns.entrySet()) {
            Optional<Boolean> matches = matchesEnd(entry.getKey(), path);
            if (matches.isEmpty()) {
                return new Found(null, null, entry.getKey());
            }
            if (matches.get()) {
                return new Found(entry.getKey(), entry.getValue(), null);
            }
        }
        return Found.NONE;
    }

    /** Python's {@code re.match(rf"(.*\.)?({key})$", path)}; empty where it cannot be told. */
    Optional<Boolean> matchesEnd(String key, String path) {
        Expression alone = read.computeIfAbsent(key, PeftExpressions::read);
        if (alone.names != null) {
            return told(isNamed(alone.names, !alone.whole, path));
        }
        return alone.pattern == null ? Optional.empty() : matches("(.*\\.)?(" + key + ")", path);
    }

    /** Whether no path can tell what it matches. */
    boolean isUntold(String key) {
        Expression alone = read.computeIfAbsent(key, PeftExpressions::read);
        return alone.names == null && alone.pattern == null;
    }

    /** Python's {@code re.fullmatch}; empty where it cannot be told. */
    Optional<Boolean> matches(String expression, String path) {
        Expression known = read.computeIfAbsent(expression, PeftExpressions::read);
        if (known.names != null) {
            return told(isNamed(known.names, false, path));
        }
        int cost = 1 + expression.length() / LENGTH_PER_STEP;
        steps -= cost;
        if (known.pattern == null || isGivenUp() || !isPlain(path)) {
            return Optional.empty();
        }
        try {
            return Optional.of(known.pattern.matcher(new Endless(path, cost)).lookingAt());
        } catch (GivenUp | StackOverflowError e) {
            return Optional.empty();
        }
    }

    /** Whether {@code \w} and others mean the same in Python. */
    private static boolean isPlain(String path) {
        return path.chars().allMatch(c -> c >= ' ' && c < DELETE);
    }

    /** Whether the path is one of the names, or ends with one behind a dot; empty where it cannot be told. */
    Optional<Boolean> areNamed(List<String> names, String path) {
        return told(isNamed(names, true, path));
    }

    private Optional<Boolean> told(boolean named) {
        return isGivenUp() ? Optional.empty() : named ? TRUE : FALSE;
    }

    /** Whether all steps were taken, so that some expressions were not tried to the end. */
    boolean isGivenUp() {
        return steps < 0;
    }

    private static Expression read(String expression) {
        boolean list = expression.startsWith("^(") && expression.endsWith(")$");
        boolean whole = list || expression.startsWith("^") && expression.indexOf('|') < 0;
        List<String> names =
                names(list ? expression.substring(2, expression.length() - 2) : expression.substring(whole ? 1 : 0));
        return names != null ? new Expression(names, whole, null) : new Expression(null, false, compiled(expression));
    }

    /** {@code a\.b|a\.c}: names; null for any other expression. */
    private static List<String> names(String expression) {
        List<String> names = new ArrayList<>();
        for (String alternative : expression.split("\\|", -1)) {
            String name = name(alternative);
            if (name == null) {
                return null;
            }
            names.add(name);
        }
        return names;
    }

    private static String name(String expression) {
        StringBuilder name = new StringBuilder(expression.length());
        for (int i = 0; i < expression.length(); i++) {
            char c = expression.charAt(i);
            boolean escaped = c == '\\' && i + 1 < expression.length();
            if (escaped && !Character.isLetterOrDigit(expression.charAt(i + 1))) {
                name.append(expression.charAt(++i));
            } else if (c == '_' || c == '-' || c == '.' || Character.isLetterOrDigit(c)) {
                name.append(c == '.' ? ANY : c);
            } else {
                return null;
            }
        }
        return name.toString();
    }

    private boolean isNamed(List<String> names, boolean byItsEnd, String path) {
        for (String name : names) {
            if (--steps < 0) {
                return false;
            }
            int start = path.length() - name.length();
            boolean placed = start == 0 || byItsEnd && start > 0 && path.charAt(start - 1) == '.';
            if (placed && isAt(start, name, path)) {
                return true;
            }
        }
        return false;
    }

    private static boolean isAt(int start, String name, String path) {
        for (int i = 0; i < name.length(); i++) {
            if (name.charAt(i) != ANY && name.charAt(i) != path.charAt(start + i)) {
                return false;
            }
        }
        return true;
    }

    /** For {@link Endless} paths, of which it matches the first line; null where the expression is broken or not tried. */
    private static Pattern compiled(String expression) {
        if (expression.length() > MAX_LENGTH || !PeftSyntax.isShared(expression)) {
            return null;
        }
        try {
            String withinLine = expression.replace("[^", "[^\n");
            return Pattern.compile("(?:" + withinLine + ")(?=\n)", Pattern.UNIX_LINES | Pattern.MULTILINE);
        } catch (PatternSyntaxException | StackOverflowError e) {
            return null;
        }
    }

    private static final class GivenUp extends RuntimeException {
        private static final long serialVersionUID = 1;

        GivenUp() {
            super("too many steps", null, false, false);
        }
    }

    /**
     * A path, behind it a line end and then zeros without end. At the end of a text an expression can try all its ways
     * without reading, and nothing would count them: here it meets none.
     */
    private final class Endless implements CharSequence {
        private final String path;
        private final int cost;

        Endless(String path, int cost) {
            this.path = path;
            this.cost = cost;
        }

        @Override
        public int length() {
            return Integer.MAX_VALUE;
        }

        @Override
        public char charAt(int index) {
            steps -= cost;
            if (steps < 0) {
                throw new GivenUp();
            }
            return index < path.length() ? path.charAt(index) : index == path.length() ? '\n' : '0';
        }

        @Override
        public CharSequence subSequence(int start, int end) {
            throw new UnsupportedOperationException("groups are not asked for");
        }
    }
}

package io.doraxis.adapter;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
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

    /**
     * What makes {@code java.util.regex} fail or repeat without reading, or read beyond a path: repetitions of what may be
     * empty, flags, looks behind, looks ahead at nothing, rare escapes. Hardly anybody needs these for names.
     */
    private static final Pattern UNCOUNTABLE =
            Pattern.compile("(?<![\\].dw])\\{|\\{(?![1-9])|\\(\\?(?:[^:=!]|[=!](?![\\w.\\\\\\[]))|\\\\[^\\WdSwbB]");

    /** In a name: any character, as an unescaped dot means. */
    private static final char ANY = '\0';

    private final Map<String, Optional<Names>> lists = new HashMap<>();
    private final Map<String, Optional<Pattern>> patterns = new HashMap<>();
    private long steps = MAX_STEPS;

    /**
     * An expression that is a list of names.
     *
     * @param whole whether they are whole paths also where the end of one would do
     */
    private record Names(List<String> names, boolean whole) {}

    /**
     * The value of the first key that matches, as {@code get_pattern_key} in PEFT's {@code utils/other.py} looks it up.
     *
     * @param otherwise the value where none matches
     * @return empty where it cannot be told
     */
    OptionalDouble first(Map<String, Double> values, double otherwise, String path) {
        for (Map.Entry<String, Double> entry : values.entrySet()) {
            Optional<Boolean> matches = matchesEnd(entry.getKey(), path);
            if (matches.isEmpty()) {
                return OptionalDouble.empty();
            }
            if (matches.get()) {
                return OptionalDouble.of(entry.getValue());
            }
        }
        return OptionalDouble.of(otherwise);
    }

    /** Python's {@code re.match(rf"(.*\.)?({key})$", path)}; empty where it cannot be told. */
    Optional<Boolean> matchesEnd(String key, String path) {
        Optional<Names> list = lists.computeIfAbsent(key, PeftExpressions::list);
        return list.isPresent()
                ? told(isNamed(list.get().names, !list.get().whole, path))
                : matchesPattern("(.*\\.)?(" + key + ")", path);
    }

    /** Python's {@code re.fullmatch}; empty where it cannot be told. */
    Optional<Boolean> matches(String expression, String path) {
        Optional<Names> list = lists.computeIfAbsent(expression, PeftExpressions::list);
        return list.isPresent() ? told(isNamed(list.get().names, false, path)) : matchesPattern(expression, path);
    }

    private Optional<Boolean> matchesPattern(String expression, String path) {
        Optional<Pattern> pattern = patterns.computeIfAbsent(expression, PeftExpressions::compiled);
        int cost = 1 + expression.length() / LENGTH_PER_STEP;
        steps -= cost;
        if (pattern.isEmpty() || isGivenUp() || path.indexOf('\n') >= 0) {
            return Optional.empty();
        }
        try {
            return Optional.of(pattern.get().matcher(new Endless(path, cost)).lookingAt());
        } catch (GivenUp | StackOverflowError e) {
            return Optional.empty();
        }
    }

    /** Those of the expressions looked at that are broken, or of a kind that is not tried. */
    List<String> untried() {
        return patterns.entrySet().stream()
                .filter(entry -> entry.getValue().isEmpty())
                .map(Map.Entry::getKey)
                .sorted()
                .toList();
    }

    /** Whether the path is one of the names, or ends with one behind a dot; empty where it cannot be told. */
    Optional<Boolean> areNamed(List<String> names, String path) {
        return told(isNamed(names, true, path));
    }

    private Optional<Boolean> told(boolean named) {
        return isGivenUp() ? Optional.empty() : Optional.of(named);
    }

    /** Whether all steps were taken, so that some expressions were not tried to the end. */
    boolean isGivenUp() {
        return steps < 0;
    }

    /** {@code ^(a\.b|a\.c)$}, {@code ^a\.b} or {@code a|b}; empty for any other expression. */
    private static Optional<Names> list(String expression) {
        boolean enclosed = expression.startsWith("^(") && expression.endsWith(")$");
        boolean whole = enclosed || expression.startsWith("^") && expression.indexOf('|') < 0;
        String list = enclosed ? expression.substring(2, expression.length() - 2) : expression.substring(whole ? 1 : 0);
        List<String> names = new ArrayList<>();
        for (String alternative : list.split("\\|", -1)) {
            Optional<String> name = name(alternative);
            if (name.isEmpty()) {
                return Optional.empty();
            }
            names.add(name.get());
        }
        return Optional.of(new Names(names, whole));
    }

    private static Optional<String> name(String expression) {
        StringBuilder name = new StringBuilder(expression.length());
        for (int i = 0; i < expression.length(); i++) {
            char c = expression.charAt(i);
            boolean escaped = c == '\\' && i + 1 < expression.length();
            if (escaped && !Character.isLetterOrDigit(expression.charAt(i + 1))) {
                name.append(expression.charAt(++i));
            } else if (c == '_' || c == '-' || c == '.' || Character.isLetterOrDigit(c)) {
                name.append(c == '.' ? ANY : c);
            } else {
                return Optional.empty();
            }
        }
        return Optional.of(name.toString());
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

    /** For {@link Endless} paths, of which it matches the first line; empty where the expression is broken or not tried. */
    private static Optional<Pattern> compiled(String expression) {
        if (expression.length() > MAX_LENGTH || UNCOUNTABLE.matcher(expression).find()) {
            return Optional.empty();
        }
        try {
            String withinLine = expression.replace("[^", "[^\n");
            return Optional.of(Pattern.compile("(?:" + withinLine + ")(?=\n)", Pattern.UNIX_LINES | Pattern.MULTILINE));
        } catch (PatternSyntaxException | StackOverflowError e) {
            return Optional.empty();
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

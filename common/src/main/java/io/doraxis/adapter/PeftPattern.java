package io.doraxis.adapter;

import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * PEFT's regular expressions over module paths. They come from the file, so each match has a budget, and all matches of
 * a configuration have one: what takes longer is given up and counts as no match.
 */
final class PeftPattern {
    private static final int MAX_STEPS = 200_000;
    private static final int MAX_PATTERN = 10_000;
    private static final long MAX_STEPS_OF_ALL = 20_000_000;

    /** About what it costs to compile one character, in steps of a match. */
    private static final int COMPILE_STEPS = 20;

    private static final int MAX_GROUPS = 12;

    private PeftPattern() {}

    /** What the expressions of one configuration may still cost. */
    static final class Budget {
        private long left = MAX_STEPS_OF_ALL;
        private String alternatives;
        private Set<String> listed;

        private final Map<Map<String, Double>, Optional<Map<String, Double>>> byPath = new IdentityHashMap<>();

        /** Values by whole paths where all keys are such, anchored and escaped; null where one is another expression. */
        private Map<String, Double> byPath(Map<String, Double> patterns) {
            return byPath.computeIfAbsent(patterns, this::parsed).orElse(null);
        }

        private Optional<Map<String, Double>> parsed(Map<String, Double> patterns) {
            Map<String, Double> values = new HashMap<>();
            for (Map.Entry<String, Double> entry : patterns.entrySet()) {
                String key = entry.getKey();
                String path = key.startsWith("^") && take(key.length()) ? literal(key, 1, key.length()) : null;
                if (path == null) {
                    return Optional.empty();
                }
                values.put(path, entry.getValue());
            }
            return Optional.of(values);
        }

        /** The texts that an expression lists and nothing else; null where it is another one. */
        private Set<String> listed(String pattern) {
            if (!pattern.equals(alternatives)) {
                alternatives = pattern;
                listed = take(pattern.length()) ? alternatives(pattern) : null;
            }
            return listed;
        }

        /** False when nothing is left. */
        boolean take(long steps) {
            left -= steps;
            return left >= 0;
        }

        boolean isSpent() {
            return left < 0;
        }
    }

    /** The value of the first key that matches, as {@code get_pattern_key} in PEFT's {@code utils/other.py} looks it up. */
    static OptionalDouble first(Map<String, Double> patterns, String path, Budget budget) {
        Map<String, Double> byPath = budget.byPath(patterns);
        if (byPath != null) {
            Double value = byPath.get(path);
            return value == null ? OptionalDouble.empty() : OptionalDouble.of(value);
        }
        for (Map.Entry<String, Double> entry : patterns.entrySet()) {
            if (!budget.take(1)) {
                return OptionalDouble.empty();
            }
            String key = entry.getKey();
            boolean found = isPlain(key)
                    ? endsWith(path, key)
                    : path.equals(key)
                            || path.endsWith("." + key)
                            || matches("(.*\\.)?(" + key + ")$", path, false, budget)
                                    .orElse(false);
            if (found) {
                return OptionalDouble.of(entry.getValue());
            }
        }
        return OptionalDouble.empty();
    }

    /** Whether the key is a name or path, as most are: then no regular expression is needed, but a dot matches anything. */
    private static boolean isPlain(String key) {
        return key.chars().allMatch(c -> c == '.' || c == '_' || c == '-' || Character.isLetterOrDigit(c));
    }

    /** The text that a part of an expression stands for, dots escaped; null where it could be several. */
    private static String literal(String pattern, int from, int to) {
        StringBuilder text = new StringBuilder(to - from);
        for (int i = from; i < to; i++) {
            char c = pattern.charAt(i);
            boolean escaped = c == '\\' && i + 1 < to && !Character.isLetterOrDigit(pattern.charAt(i + 1));
            if (escaped) {
                i++;
            } else if (c != '_' && !Character.isLetterOrDigit(c)) {
                return null;
            }
            text.append(pattern.charAt(i));
        }
        return text.toString();
    }

    /** The texts of an expression like {@code ^(a|b)$}; null for another one. */
    private static Set<String> alternatives(String pattern) {
        if (!pattern.startsWith("^(") || !pattern.endsWith(")$")) {
            return null;
        }
        Set<String> texts = new HashSet<>();
        int end = pattern.length() - 2;
        for (int from = 2; from <= end; ) {
            int bar = pattern.indexOf('|', from);
            int to = bar < 0 || bar > end ? end : bar;
            String text = literal(pattern, from, to);
            if (text == null) {
                return null;
            }
            texts.add(text);
            from = to + 1;
        }
        return texts;
    }

    private static boolean endsWith(String path, String key) {
        int start = path.length() - key.length();
        if (start < 0 || start > 0 && path.charAt(start - 1) != '.') {
            return false;
        }
        for (int i = 0; i < key.length(); i++) {
            if (key.charAt(i) != '.' && key.charAt(i) != path.charAt(start + i)) {
                return false;
            }
        }
        return true;
    }

    /** Whether the expression cannot take exponential time: no repeated groups, and few that leave a choice. */
    private static boolean isTame(String pattern) {
        int groups = 0;
        for (int i = 0; i < pattern.length(); i++) {
            char c = pattern.charAt(i);
            char next = i + 1 < pattern.length() ? pattern.charAt(i + 1) : ' ';
            if (c == ')' && (next == '*' || next == '+' || next == '{')) {
                return false;
            }
            if (c == '(') {
                groups++;
            }
        }
        return groups <= MAX_GROUPS;
    }

    /** Python's {@code re.fullmatch}; empty when the expression is broken or costs too much. */
    static Optional<Boolean> fullMatch(String pattern, String path, Budget budget) {
        Set<String> listed = budget.listed(pattern);
        return listed != null ? Optional.of(listed.contains(path)) : matches(pattern, path, true, budget);
    }

    private static Optional<Boolean> matches(String pattern, String path, boolean full, Budget budget) {
        boolean affordable = budget.take((long) COMPILE_STEPS * pattern.length());
        if (!affordable || pattern.length() > MAX_PATTERN || !isTame(pattern)) {
            return Optional.empty();
        }
        try {
            Matcher matcher = Pattern.compile(pattern).matcher(new Budgeted(path, budget));
            return Optional.of(full ? matcher.matches() : matcher.lookingAt());
        } catch (PatternSyntaxException | BudgetSpent | StackOverflowError e) {
            return Optional.empty();
        }
    }

    private static final class BudgetSpent extends RuntimeException {
        private static final long serialVersionUID = 1;

        BudgetSpent() {
            super("too many steps", null, false, false);
        }
    }

    private static final class Budgeted implements CharSequence {
        private final CharSequence text;
        private final Budget ofAll;
        private int left = MAX_STEPS;

        Budgeted(CharSequence text, Budget ofAll) {
            this.text = text;
            this.ofAll = ofAll;
        }

        @Override
        public int length() {
            return text.length();
        }

        @Override
        public char charAt(int index) {
            if (--left < 0 || !ofAll.take(1)) {
                throw new BudgetSpent();
            }
            return text.charAt(index);
        }

        @Override
        public CharSequence subSequence(int start, int end) {
            return text.subSequence(start, end);
        }

        @Override
        public String toString() {
            return text.toString();
        }
    }
}

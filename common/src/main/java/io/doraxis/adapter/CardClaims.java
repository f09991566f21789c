package io.doraxis.adapter;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What the card of a Hugging Face repository, its {@code README.md}, claims in its front matter: the YAML between a
 * first line {@code ---} and the next one. Of YAML only what such cards write is understood: a key at the begin of a
 * line with a word or text behind it, or a list of them, in brackets or below. Claims, like the file's own metadata.
 */
public final class CardClaims {
    public static final String LICENSE = "card.license";
    public static final String LICENSE_NAME = "card.license_name";

    private static final String PREFIX = "card.";
    private static final Set<String> KEPT = Set.of("license", "license_name");
    private static final String FENCE = "---";
    private static final int MAX_VALUE = 200;
    private static final int MAX_ITEMS = 20;

    private CardClaims() {}

    /**
     * The claims of a card; none where it has no front matter.
     *
     * @param card its first bytes
     * @param size of the card; a front matter that goes on behind the first bytes counts as far as it is there
     * @throws IOException if a key that is wanted comes twice, or its value is of a form that is not understood
     */
    public static Map<String, String> parse(byte[] card, int length, long size) throws IOException {
        Map<String, String> claims = new LinkedHashMap<>();
        List<String> lines = frontMatter(new String(card, 0, length, StandardCharsets.UTF_8), length < size);
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i);
            int colon = line.indexOf(':');
            String key = colon < 0 ? "" : line.substring(0, colon);
            if (!KEPT.contains(key) || colon + 1 < line.length() && line.charAt(colon + 1) != ' ') {
                continue;
            }
            String value = line.substring(colon + 1).strip();
            List<String> values = isAbsent(value) ? itemsBelow(key, lines, i + 1) : List.of(value);
            if (value.startsWith("[")) {
                values = itemsWithin(key, value);
            }
            List<String> texts = new ArrayList<>();
            for (String each : values) {
                String text = scalar(key, each);
                if (!text.isEmpty()) {
                    texts.add(text);
                }
            }
            if (!texts.isEmpty() && claims.put(PREFIX + key, String.join(", ", texts)) != null) {
                throw new IOException(key + " for the second time");
            }
        }
        return claims;
    }

    /** Its lines, without the fences; those of a card that was cut without the last one, which may be a part. */
    private static List<String> frontMatter(String card, boolean cut) {
        String text = card.startsWith("\ufeff") ? card.substring(1) : card;
        if (!text.startsWith(FENCE)) {
            return List.of();
        }
        List<String> lines = text.lines().toList();
        if (!lines.get(0).stripTrailing().equals(FENCE)) {
            return List.of();
        }
        int end = 1;
        while (end < lines.size() && !lines.get(end).stripTrailing().equals(FENCE)) {
            end++;
        }
        boolean ends = end < lines.size();
        return ends || cut ? lines.subList(1, ends ? end : Math.max(1, end - 1)) : List.of();
    }

    private static boolean isAbsent(String value) {
        return value.isEmpty() || value.startsWith("#");
    }

    /** {@code - a}, line by line, indented or not. */
    private static List<String> itemsBelow(String key, List<String> lines, int from) throws IOException {
        List<String> items = new ArrayList<>();
        for (String line : lines.subList(from, lines.size())) {
            String item = line.strip();
            if (isAbsent(item)) {
                continue;
            }
            if (!item.startsWith("- ") && !item.equals("-")) {
                if (line.startsWith(" ")) {
                    throw notUnderstood(key, item);
                }
                break; // the next key
            }
            add(key, items, item.substring(1).strip());
        }
        return items;
    }

    /** {@code [a, b]}. */
    private static List<String> itemsWithin(String key, String list) throws IOException {
        String text = withoutComment(list);
        if (!text.endsWith("]")) {
            throw notUnderstood(key, list);
        }
        List<String> items = new ArrayList<>();
        for (String item : text.substring(1, text.length() - 1).split(",")) {
            add(key, items, item.strip());
        }
        return items;
    }

    private static void add(String key, List<String> items, String item) throws IOException {
        if (items.size() == MAX_ITEMS) {
            throw new IOException(key + " of more than " + MAX_ITEMS + " items");
        }
        items.add(item);
    }

    /** A word, or a text within quotes; empty for {@code null}. */
    private static String scalar(String key, String value) throws IOException {
        if (value.isEmpty() || value.length() > MAX_VALUE) {
            return value.isEmpty() ? "" : tooLong(key, value);
        }
        char first = value.charAt(0);
        if (first == '"' || first == '\'') {
            int end = value.indexOf(first, 1);
            boolean plain = end > 0 && isAbsent(value.substring(end + 1).strip());
            if (!plain || value.substring(0, end).indexOf('\\') >= 0) {
                throw notUnderstood(key, value);
            }
            return value.substring(1, end).strip();
        }
        String word = withoutComment(value);
        if ("|>&*!%@`{}[],?".indexOf(first) >= 0 || word.contains(": ")) {
            throw notUnderstood(key, value);
        }
        return word.equals("null") || word.equals("~") ? "" : word;
    }

    private static String tooLong(String key, String value) throws IOException {
        throw new IOException(key + " of " + value.length() + " characters");
    }

    private static String withoutComment(String value) {
        int comment = value.indexOf(" #");
        return (comment < 0 ? value : value.substring(0, comment)).strip();
    }

    private static IOException notUnderstood(String key, String value) {
        return new IOException(key + " in a form of YAML that is not read: "
                + (value.length() <= MAX_VALUE ? value : value.substring(0, MAX_VALUE)));
    }
}

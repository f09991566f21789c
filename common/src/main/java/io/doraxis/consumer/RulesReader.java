package io.doraxis.consumer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Reads the rules file. A rule's {@code when} lists facts of which all must hold, and {@code !FACT}s of which none may;
 * a text among a consumer's rules stands for the group of that name.
 *
 * <pre>
 *   {"version": V,
 *    "groups": {NAME: [RULE, ...], ...},
 *    "consumers": {NAME: {"source": S, "rules": [RULE or NAME of a group, ...]}, ...}}
 *   RULE = {"id": I, "when": [FACT, "!FACT", ...], "outcome": O, "loads": false, "reason": R}
 * </pre>
 */
final class RulesReader {
    private static final JsonFactory JSON = new JsonFactory();

    private final JsonParser parser;
    private final Map<String, List<Draft>> groups = new LinkedHashMap<>();
    private final List<Consumer> consumers = new ArrayList<>();
    private String version;

    private RulesReader(JsonParser parser) {
        this.parser = parser;
    }

    /** A rule before it belongs to a consumer. */
    private record Draft(String id, long required, long forbidden, Outcome outcome, boolean loads, String reason) {
        Rule of(String consumer) {
            String text = consumer + "/" + id + ": " + reason;
            Prediction ofModule = new Prediction(outcome, text);
            return new Rule(
                    required,
                    forbidden,
                    ofModule,
                    loads ? ofModule : new Prediction(Outcome.REJECTS, text + "; no module is loaded"),
                    loads);
        }
    }

    /**
     * Reads and checks the whole file.
     *
     * @throws IllegalArgumentException if a rule is not of this form, or names what does not exist
     */
    static ConsumerRules read(InputStream json) throws IOException {
        try (JsonParser parser = JSON.createParser(json)) {
            RulesReader reader = new RulesReader(parser);
            reader.expect(parser.nextToken(), JsonToken.START_OBJECT);
            reader.document();
            check(reader.version != null && !reader.consumers.isEmpty(), "no version or no consumers");
            return new ConsumerRules(reader.version, reader.consumers);
        }
    }

    private static void check(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalArgumentException("consumer rules: " + otherwise);
        }
    }

    private void expect(JsonToken found, JsonToken wanted) {
        check(found == wanted, found + " where " + wanted + " belongs: " + parser.currentLocation());
    }

    private void document() throws IOException {
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String field = parser.currentName();
            parser.nextToken();
            switch (field) {
                case "version" -> version = parser.getText();
                case "groups" -> {
                    while (parser.nextToken() == JsonToken.FIELD_NAME) {
                        String name = parser.currentName();
                        parser.nextToken();
                        check(groups.put(name, rules()) == null, "group twice: " + name);
                    }
                }
                case "consumers" -> consumers();
                default -> check(false, "unknown field " + field);
            }
        }
    }

    private void consumers() throws IOException {
        Set<String> names = new HashSet<>();
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String name = parser.currentName();
            check(names.add(name), "consumer twice: " + name);
            consumers.add(consumer(name));
        }
    }

    private Consumer consumer(String name) throws IOException {
        List<Draft> drafts = List.of();
        String source = null;
        expect(parser.nextToken(), JsonToken.START_OBJECT);
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String field = parser.currentName();
            parser.nextToken();
            switch (field) {
                case "source" -> source = parser.getText();
                case "rules" -> drafts = rules();
                default -> check(false, name + ": unknown field " + field);
            }
        }
        check(source != null, name + ": no source");
        Set<String> ids = new HashSet<>();
        List<Rule> rules = new ArrayList<>(drafts.size());
        for (Draft draft : drafts) {
            check(ids.add(draft.id), name + ": rule twice: " + draft.id);
            rules.add(draft.of(name));
        }
        Draft fallback = new Draft("no-rule", 0, 0, Outcome.UNKNOWN, true, "no rule matches");
        return new Consumer(name, List.copyOf(rules), fallback.of(name));
    }

    private List<Draft> rules() throws IOException {
        expect(parser.currentToken(), JsonToken.START_ARRAY);
        List<Draft> rules = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            if (parser.currentToken() == JsonToken.VALUE_STRING) {
                List<Draft> group = groups.get(parser.getText());
                check(group != null, "no group " + parser.getText());
                rules.addAll(group);
            } else {
                rules.add(rule());
            }
        }
        return rules;
    }

    private Draft rule() throws IOException {
        String id = null;
        String reason = null;
        Outcome outcome = null;
        List<String> when = List.of();
        boolean loads = true;
        expect(parser.currentToken(), JsonToken.START_OBJECT);
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String field = parser.currentName();
            parser.nextToken();
            switch (field) {
                case "id" -> id = parser.getText();
                case "when" -> when = texts();
                case "outcome" -> outcome = Outcome.valueOf(parser.getText());
                case "loads" -> loads = parser.getBooleanValue();
                case "reason" -> reason = parser.getText();
                default -> check(false, "unknown field " + field + " in rule " + id);
            }
        }
        check(id != null && outcome != null && reason != null, "a rule without id, outcome or reason: " + id);
        long required = bits(when, false);
        long forbidden = bits(when, true);
        check((required & forbidden) == 0, "a fact and its contrary in rule " + id);
        return new Draft(id, required, forbidden, outcome, loads, reason);
    }

    private static long bits(List<String> when, boolean negated) {
        long bits = 0;
        for (String text : when) {
            if (text.startsWith("!") == negated) {
                bits |= Fact.valueOf(negated ? text.substring(1) : text).bit();
            }
        }
        return bits;
    }

    private List<String> texts() throws IOException {
        expect(parser.currentToken(), JsonToken.START_ARRAY);
        List<String> texts = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            expect(parser.currentToken(), JsonToken.VALUE_STRING);
            texts.add(parser.getText());
        }
        return texts;
    }
}

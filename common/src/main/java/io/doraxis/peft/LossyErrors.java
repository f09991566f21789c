package io.doraxis.peft;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.io.JsonStringEncoder;
import java.io.IOException;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** How far off a lossy export is, as the header of its weights says it. */
public final class LossyErrors {
    /** Metadata: of all its layers together, see {@link Approximations#relativeError}. */
    public static final String TOTAL = "doraxis.rel_error";

    /** Metadata: of each layer, by its module, as JSON. */
    public static final String OF_MODULES = "doraxis.rel_errors";

    private static final JsonFactory JSON = new JsonFactory();

    private LossyErrors() {}

    /** An error as it is written. */
    public static String text(double error) {
        return String.format(Locale.ROOT, "%.4e", error);
    }

    static String json(Map<String, Double> errors) {
        return errors.entrySet().stream()
                .map(entry -> quoted(entry.getKey()) + ":" + text(entry.getValue()))
                .collect(Collectors.joining(",", "{", "}"));
    }

    private static String quoted(String name) {
        return '"' + new String(JsonStringEncoder.getInstance().quoteAsString(name)) + '"';
    }

    /**
     * The errors that a header states, by module; none of an exact export.
     *
     * @param metadata of the header
     * @throws IOException if they cannot be read
     */
    public static Map<String, Double> read(Map<String, String> metadata) throws IOException {
        Map<String, Double> errors = new TreeMap<>();
        try (JsonParser json = JSON.createParser(metadata.getOrDefault(OF_MODULES, "{}"))) {
            json.nextToken();
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String module = json.currentName();
                json.nextToken();
                errors.put(module, json.getDoubleValue());
            }
        }
        return errors;
    }
}

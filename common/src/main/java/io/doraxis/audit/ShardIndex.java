package io.doraxis.audit;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.util.Set;
import java.util.TreeSet;

/** The files that the index of a sharded model names. */
record ShardIndex(Set<String> files) {
    private static final JsonFactory JSON = new JsonFactory();

    /**
     * Reads {@code {"weight_map": {"tensor": "file", ...}}}.
     *
     * @throws IOException if the bytes are not such an object
     */
    static ShardIndex parse(byte[] json, int length) throws IOException {
        Set<String> files = new TreeSet<>();
        boolean found = false;
        try (JsonParser parser = JSON.createParser(json, 0, length)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw new IOException("not a JSON object");
            }
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                boolean map = parser.currentName().equals("weight_map");
                if (parser.nextToken() == JsonToken.START_OBJECT && map) {
                    found = true;
                    readMap(parser, files);
                } else {
                    parser.skipChildren();
                }
            }
        }
        if (!found || files.isEmpty()) {
            throw new IOException(found ? "an empty weight_map" : "no weight_map");
        }
        return new ShardIndex(files);
    }

    private static void readMap(JsonParser parser, Set<String> files) throws IOException {
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            if (parser.nextToken() == JsonToken.VALUE_STRING) {
                files.add(parser.getText());
            } else {
                throw new IOException("weight_map of something else than file names");
            }
        }
    }
}

package io.doraxis.audit;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.doraxis.tensorfile.SafetensorsReader;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * The index of a sharded model: which file holds which tensor.
 *
 * @param files by the tensors' names
 * @param totalBytes of all tensors, as the index claims; null where it claims nothing
 */
record ShardIndex(Map<String, String> files, Long totalBytes) {
    private static final JsonFactory JSON = new JsonFactory();

    /**
     * Reads {@code {"metadata": {"total_size": 24}, "weight_map": {"tensor": "file", ...}}}.
     *
     * @throws IOException if the bytes are not such an object
     */
    static ShardIndex parse(byte[] json, int length) throws IOException {
        Map<String, String> files = new LinkedHashMap<>();
        Long totalBytes = null;
        boolean found = false;
        try (JsonParser parser = JSON.createParser(json, 0, length)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw new IOException("not a JSON object");
            }
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String field = parser.currentName();
                boolean object = parser.nextToken() == JsonToken.START_OBJECT;
                if (object && field.equals("weight_map")) {
                    found = true;
                    readMap(parser, files);
                } else if (object && field.equals("metadata")) {
                    totalBytes = totalSize(parser);
                } else {
                    parser.skipChildren();
                }
            }
        }
        if (!found || files.isEmpty()) {
            throw new IOException(found ? "an empty weight_map" : "no weight_map");
        }
        return new ShardIndex(files, totalBytes);
    }

    private static void readMap(JsonParser parser, Map<String, String> files) throws IOException {
        Map<String, String> names = new LinkedHashMap<>(); // each file's name once in memory
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String tensor = parser.currentName();
            if (parser.nextToken() != JsonToken.VALUE_STRING) {
                throw new IOException("weight_map of something else than file names");
            }
            if (files.size() == SafetensorsReader.MAX_TENSORS) {
                throw new IOException("a weight_map of more than " + SafetensorsReader.MAX_TENSORS + " tensors");
            }
            files.put(tensor, names.computeIfAbsent(parser.getText(), name -> name));
        }
    }

    /** Older writers gave a fraction, or something else. */
    private static Long totalSize(JsonParser parser) throws IOException {
        Long size = null;
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            boolean wanted = parser.currentName().equals("total_size");
            if (parser.nextToken().isNumeric() && wanted) {
                size = parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER
                        ? null
                        : Long.valueOf((long) parser.getDoubleValue());
            }
            parser.skipChildren();
        }
        return size;
    }

    /** The files that it names, sorted. */
    Set<String> fileNames() {
        return new TreeSet<>(files.values());
    }
}

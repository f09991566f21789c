package io.doraxis.adapter;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * What a model manager wrote beside a file: Civitai's {@code .civitai.info}, Stability Matrix' {@code .cm-info.json},
 * A1111's {@code .json}. Claims, like the file's own metadata.
 */
public final class SideClaims {
    private static final String PREFIX = "side_file.";
    private static final JsonFactory JSON = new JsonFactory();
    private static final Set<String> KEPT = Set.of(
            "baseModel",
            "BaseModel",
            "base_model",
            "sd version",
            "model.type",
            "ModelType",
            "license",
            "model.license");

    private SideClaims() {}

    /**
     * The claims of a JSON object, by the fields that they stand in.
     *
     * @throws IOException if it is not a JSON object
     */
    public static Map<String, String> parse(byte[] json, int length) throws IOException {
        Map<String, String> claims = new LinkedHashMap<>();
        try (JsonParser parser = JSON.createParser(json, 0, length)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw new IOException("no JSON object");
            }
            String parent = "";
            int depth = 1;
            while (depth > 0) {
                JsonToken token = parser.nextToken();
                if (token == null) {
                    throw new IOException("the object does not end");
                }
                if (token == JsonToken.START_OBJECT && depth == 1) {
                    parent = parser.currentName() + '.';
                    depth++;
                } else if (token.isStructStart()) {
                    parser.skipChildren();
                } else if (token == JsonToken.END_OBJECT) {
                    parent = "";
                    depth--;
                } else if (token.isScalarValue() && KEPT.contains(parent + parser.currentName())) {
                    claims.put(PREFIX + parent + parser.currentName(), parser.getText());
                }
            }
        }
        return claims;
    }
}

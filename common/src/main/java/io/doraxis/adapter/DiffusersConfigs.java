package io.doraxis.adapter;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * PEFT's configurations that diffusers (from 0.34 on) writes into a header's {@code lora_adapter_metadata}: fields such as
 * {@code unet.lora_alpha}, one configuration for each component that stands before the modules' paths.
 */
final class DiffusersConfigs {
    private static final JsonFactory JSON = new JsonFactory();
    private static final Scaling UNREADABLE =
            new Scaling(null, null, MetadataClaims.DIFFUSERS + " sets the scales and cannot be read");

    /** Null where they cannot be read. */
    private final Map<String, PeftConfig> components;

    private DiffusersConfigs(Map<String, PeftConfig> components) {
        this.components = components;
    }

    /** Those of a header; none where it has none. */
    static DiffusersConfigs of(Map<String, String> metadata) {
        String text = metadata.get(MetadataClaims.DIFFUSERS);
        if (text == null) {
            return new DiffusersConfigs(Map.of());
        }
        try {
            return new DiffusersConfigs(parsed(text));
        } catch (IOException e) {
            return new DiffusersConfigs(null);
        }
    }

    private static Map<String, PeftConfig> parsed(String text) throws IOException {
        Map<String, ByteArrayOutputStream> texts = new LinkedHashMap<>();
        Map<String, JsonGenerator> written = new HashMap<>();
        try (JsonParser parser = JSON.createParser(text)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw new IOException("no JSON object");
            }
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                int dot = Math.max(0, name.indexOf('.'));
                String component = name.substring(0, dot);
                JsonGenerator config = written.get(component);
                if (config == null) {
                    texts.put(component, new ByteArrayOutputStream());
                    config = JSON.createGenerator(texts.get(component));
                    config.writeStartObject();
                    written.put(component, config);
                }
                parser.nextToken();
                config.writeFieldName(name.substring(dot + 1));
                config.copyCurrentStructure(parser);
            }
        }
        Map<String, PeftConfig> configs = new HashMap<>();
        for (Map.Entry<String, ByteArrayOutputStream> each : texts.entrySet()) {
            written.get(each.getKey()).close();
            configs.put(each.getKey(), PeftConfig.parse(each.getValue().toByteArray()));
        }
        return configs;
    }

    /** The scale of a module by its component's; null where none is its. */
    Scaling scaling(String module) {
        if (components == null) {
            return UNREADABLE;
        }
        int dot = Math.max(0, module.indexOf('.'));
        PeftConfig own = components.get(module.substring(0, dot));
        return own == null ? null : own.scaling(module.substring(dot + 1));
    }
}

package io.doraxis.peft;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * {@code adapter_config.json} as PEFT 0.21.2 reads it. Layers are named by expressions that match their whole path and
 * nothing else, whatever their order.
 */
public final class AdapterConfigJson {
    private static final JsonFactory JSON = new JsonFactory();

    /** What PEFT takes for an adapter of whole weights alone; without a target that matches, it refuses others. */
    private static final String NO_TARGET = "dummy-target-modules";

    private AdapterConfigJson() {}

    /** The file's bytes. */
    public static byte[] of(PeftAdapter adapter) {
        Map<String, Object> fields = new TreeMap<>();
        fields.put("auto_mapping", null);
        fields.put("base_model_name_or_path", null);
        fields.put("inference_mode", true);
        fields.put("peft_type", adapter.type().name());
        fields.put("peft_version", "0.21.2");
        fields.put("task_type", null);
        fields.put(
                "modules_to_save",
                adapter.saved().isEmpty()
                        ? null
                        : adapter.saved().stream()
                                .map(PeftAdapter.SavedModule::path)
                                .toList());
        List<String> paths = adapter.modules().stream().map(PeftModule::path).toList();
        fields.put("target_modules", paths.isEmpty() ? NO_TARGET : expression(paths));
        switch (adapter.type()) {
            case LORA -> fields.putAll(loraFields(adapter));
            case LOHA, LOKR -> addRanks(fields, adapter);
            case GLORA -> {
                fields.put("bias", "none");
                fields.put("r", adapter.modules().get(0).rank());
            }
            case IA3 -> {}
        }
        adapter.fields().forEach(field -> fields.put(field.name(), field.value()));
        return written(fields);
    }

    /** What LoRA depends on, and only fields of PEFT's {@code LoraConfig}. */
    static Map<String, Object> loraFields(PeftAdapter adapter) {
        Map<String, Object> fields = new TreeMap<>();
        List<String> paths = adapter.modules().stream().map(PeftModule::path).toList();
        fields.put("target_modules", paths.isEmpty() ? NO_TARGET : expression(paths));
        fields.put("bias", "none");
        fields.put("fan_in_fan_out", false);
        fields.put("lora_dropout", 0.0);
        fields.put("use_rslora", false);
        addRanks(fields, adapter);
        adapter.fields().forEach(field -> fields.put(field.name(), field.value()));
        return fields;
    }

    /** JSON of these fields. */
    static String text(Map<String, Object> fields) {
        return new String(written(fields), StandardCharsets.UTF_8);
    }

    /** A regular expression of these paths alone. */
    static String expression(List<String> paths) {
        return paths.stream().map(AdapterConfigJson::escaped).collect(Collectors.joining("|", "^(", ")$"));
    }

    private static void addRanks(Map<String, Object> fields, PeftAdapter adapter) {
        Object rank = adapter.modules().isEmpty() ? 1 : most(adapter.modules(), PeftModule::rank);
        Object alpha = adapter.modules().isEmpty() ? 1 : most(adapter.modules(), module -> number(module.alpha()));
        fields.put("r", rank);
        fields.put(adapter.type().alphaField(), alpha);
        Map<String, Object> ranks = new TreeMap<>();
        Map<String, Object> alphas = new TreeMap<>();
        for (PeftModule module : adapter.modules()) {
            if (!rank.equals(module.rank())) {
                ranks.put("^" + escaped(module.path()), module.rank());
            }
            if (!alpha.equals(number(module.alpha()))) {
                alphas.put("^" + escaped(module.path()), number(module.alpha()));
            }
        }
        fields.put("rank_pattern", ranks);
        fields.put("alpha_pattern", alphas);
    }

    /** The commonest value, the smallest of them where several are. */
    private static Object most(List<PeftModule> modules, Function<PeftModule, Object> value) {
        Map<Object, Long> counts = modules.stream().collect(Collectors.groupingBy(value, Collectors.counting()));
        return counts.entrySet().stream()
                .max(Map.Entry.<Object, Long>comparingByValue()
                        .thenComparing(entry -> ((Number) entry.getKey()).doubleValue(), Comparator.reverseOrder()))
                .orElseThrow()
                .getKey();
    }

    /** An integer where it is one, as PEFT writes alpha. */
    private static Object number(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1 << 30 ? (Object) (int) value : (Object) value;
    }

    /** As Python's {@code re.escape} would. */
    static String escaped(String path) {
        StringBuilder escaped = new StringBuilder();
        for (int i = 0; i < path.length(); i++) {
            char c = path.charAt(i);
            if (!(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_')) {
                escaped.append('\\');
            }
            escaped.append(c);
        }
        return escaped.toString();
    }

    private static byte[] written(Map<String, Object> fields) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (JsonGenerator json = JSON.createGenerator(out)) {
            json.setPrettyPrinter(new DefaultPrettyPrinter());
            write(json, fields);
        } catch (IOException e) {
            throw new UncheckedIOException(e); // memory does not fail
        }
        return out.toByteArray();
    }

    @SuppressWarnings("unchecked")
    private static void write(JsonGenerator json, Map<String, Object> fields) throws IOException {
        json.writeStartObject();
        for (Map.Entry<String, Object> field : fields.entrySet()) {
            json.writeFieldName(field.getKey());
            Object value = field.getValue();
            if (value instanceof Map) {
                write(json, (Map<String, Object>) value);
            } else if (value instanceof List<?> texts) {
                json.writeStartArray();
                for (Object text : texts) {
                    json.writeString((String) text);
                }
                json.writeEndArray();
            } else {
                json.writePOJO(value);
            }
        }
        json.writeEndObject();
    }
}

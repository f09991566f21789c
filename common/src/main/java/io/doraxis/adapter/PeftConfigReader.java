package io.doraxis.adapter;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** Reads {@code adapter_config.json}, and notes the fields of which the type or the value makes PEFT 0.21 raise. */
final class PeftConfigReader {
    /** Of an integer that Python's parser takes. */
    private static final int MAX_DIGITS = 4_300;

    /** Python's parser, which PEFT uses, takes NaN and Infinity too, and texts of any length. */
    private static final JsonFactory JSON = JsonFactory.builder()
            .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNameLength(Integer.MAX_VALUE)
                    .maxStringLength(Integer.MAX_VALUE)
                    .maxNumberLength(MAX_DIGITS)
                    .build())
            .build();

    private static final Set<String> TASK_TYPES =
            Set.of("SEQ_CLS", "SEQ_2_SEQ_LM", "CAUSAL_LM", "TOKEN_CLS", "QUESTION_ANS", "FEATURE_EXTRACTION");

    /** Texts of {@code init_lora_weights} for which PEFT does not raise: CorDA asks for what no file holds. */
    private static final Pattern INITIAL =
            Pattern.compile("|(?i:gaussian|olora|mica)|eva|orthogonal|lora_ga|loftq|pissa(_niter_\\d+)?");

    /** A number that no layer has. */
    private static final Integer NO_LAYER = -1;

    private static final int MAX_FIELDS = 300;
    private static final int DEFAULT_RANK = 8;
    private static final double DEFAULT_ALPHA = 8;

    private final JsonParser parser;
    private String peftType;
    private Integer rank = DEFAULT_RANK;
    private Double loraAlpha = DEFAULT_ALPHA;
    private Double plainAlpha = DEFAULT_ALPHA;
    private String initial;
    private boolean activated;
    private boolean biased;
    private boolean useDora;
    private boolean useRslora;
    private boolean fanInFanOut;
    private Map<String, Double> rankPattern = Map.of();
    private Map<String, Double> alphaPattern = Map.of();
    private PeftNames targetModules = PeftNames.NONE;
    private PeftNames excludeModules = PeftNames.NONE;
    private List<String> modulesToSave = List.of();
    private Set<Integer> layersToTransform = Set.of();
    private List<String> layersPattern = List.of();
    private String baseModel;
    private PeftNames feedforward = PeftTransform.DEFAULT.feedforward();
    private boolean constrained;
    private double epsilon = PeftTransform.DEFAULT.epsilon();
    private boolean shared;
    private boolean series = PeftTransform.DEFAULT.series();
    private int terms = PeftTransform.DEFAULT.terms();
    private String version;
    private final List<String> fields = new ArrayList<>();

    /** Fields for which PEFT raises, where its type has them. */
    private final Map<String, String> faults = new LinkedHashMap<>();

    private PeftConfigReader(JsonParser parser) {
        this.parser = parser;
    }

    private PeftConfig read() throws IOException {
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String field = parser.currentName();
            parser.nextToken();
            if (fields.size() < MAX_FIELDS) {
                fields.add(field);
            }
            readField(field);
        }
        return new PeftConfig(
                peftType,
                rank,
                hasPlainAlpha() ? plainAlpha : loraAlpha,
                useDora,
                useRslora && !hasPlainAlpha(),
                fanInFanOut,
                rankPattern,
                alphaPattern,
                new PeftTargets(targetModules, excludeModules, modulesToSave, layersToTransform, layersPattern),
                baseModel,
                new PeftTransform(feedforward, constrained, epsilon, shared, series, terms, version),
                "LORA".equals(peftType) ? initial : null,
                "LORA".equals(peftType) && activated,
                "LORA".equals(peftType) && biased,
                fault(),
                List.copyOf(fields),
                new PeftExpressions());
    }

    /** Whether alpha is called so; it is {@code lora_alpha} elsewhere, and PEFT ignores the other one. */
    private boolean hasPlainAlpha() {
        return "LOHA".equals(peftType) || "LOKR".equals(peftType);
    }

    private String fault() {
        faults.keySet().removeAll(hasPlainAlpha() ? Set.of("lora_alpha", "init_lora_weights") : Set.of("alpha"));
        if (!PeftConfig.isProduct(peftType)) {
            faults.keySet().retainAll(Set.of("task_type"));
        }
        return faults.values().stream().findFirst().orElse(null);
    }

    private void readField(String field) throws IOException {
        faults.remove(field); // of a field that is there twice the last counts
        switch (field) {
            case "peft_type" -> peftType = text();
            case "r" -> {
                rank = rank();
                require(rank != null, field);
            }
            case "lora_alpha" -> {
                loraAlpha = number();
                require(loraAlpha != null, field);
            }
            case "alpha" -> {
                plainAlpha = number();
                require(plainAlpha != null, field);
            }
            case "task_type" -> require(parser.currentToken() == JsonToken.VALUE_NULL || isTaskType(), field);
            case "init_lora_weights" -> {
                require(isInitial(), field);
                initial = text();
            }
            case "lora_bias" -> biased = isTrue();
            case "alora_invocation_tokens" -> activated = isTrue();
            case "use_dora" -> useDora = isTrue();
            case "use_rslora" -> useRslora = isTrue();
            case "fan_in_fan_out" -> fanInFanOut = isTrue();
            case "rank_pattern" -> rankPattern = numbers(field, true);
            case "alpha_pattern" -> alphaPattern = numbers(field, false);
            case "target_modules" -> {
                require(!isNumberOrTrue(), field);
                targetModules = names();
            }
            case "exclude_modules" -> {
                require(!isNumberOrTrue() || !isTrue(), field);
                excludeModules = names();
            }
            case "modules_to_save" -> {
                require(!isNumberOrTrue(), field);
                modulesToSave = texts();
            }
            case "layers_to_transform" -> {
                JsonToken token = parser.currentToken();
                require(token != JsonToken.VALUE_STRING && token != JsonToken.VALUE_NUMBER_FLOAT, field);
                layersToTransform = layers();
            }
            case "layers_pattern" -> layersPattern = texts();
            case "base_model_name_or_path" -> baseModel = text();
            default -> readTransform(field);
        }
        parser.skipChildren(); // of a list or object that was not expected there
    }

    private void readTransform(String field) throws IOException {
        switch (field) {
            case "feedforward_modules" -> feedforward = parser.currentToken() == JsonToken.VALUE_NULL ? null : names();
            case "coft" -> constrained = isTrue();
            case "eps" -> epsilon = numberOr(PeftTransform.DEFAULT.epsilon());
            case "block_share" -> shared = isTrue();
            case "use_cayley_neumann" -> series = isTrue();
            case "num_cayley_neumann_terms" -> {
                Integer given = integer();
                terms = given == null ? PeftTransform.DEFAULT.terms() : given;
            }
            case "peft_version" -> version = text();
            default -> {}
        }
    }

    private void require(boolean fits, String field) throws IOException {
        if (!fits) {
            JsonToken token = parser.currentToken();
            String found = token.isScalarValue() ? PeftConfig.clip(parser.getText()) : "a list or an object";
            faults.put(field, field + " is " + (token == JsonToken.VALUE_STRING ? '"' + found + '"' : found));
        }
    }

    private boolean isInitial() throws IOException {
        return parser.currentToken() == JsonToken.VALUE_STRING
                ? INITIAL.matcher(parser.getText()).matches()
                : !parser.currentToken().isNumeric() || parser.getDoubleValue() == 0;
    }

    private boolean isTaskType() throws IOException {
        return parser.currentToken() == JsonToken.VALUE_STRING && TASK_TYPES.contains(parser.getText());
    }

    /** What Python takes for true. */
    private boolean isTrue() throws IOException {
        return switch (parser.currentToken()) {
            case VALUE_TRUE -> true;
            case VALUE_STRING -> !parser.getText().isEmpty();
            case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> parser.getDoubleValue() != 0;
            case START_ARRAY, START_OBJECT -> isFilled();
            default -> false;
        };
    }

    private boolean isFilled() throws IOException {
        boolean filled = false;
        int open = 1;
        while (open > 0) {
            JsonToken token = parser.nextToken();
            open += token.isStructStart() ? 1 : token.isStructEnd() ? -1 : 0;
            filled |= open > 0;
        }
        return filled;
    }

    private Integer integer() throws IOException {
        return parser.currentToken() == JsonToken.VALUE_NUMBER_INT ? (Integer) (int) parser.getDoubleValue() : null;
    }

    /** A number of rows. */
    private Integer rank() throws IOException {
        if (parser.currentToken() != JsonToken.VALUE_NUMBER_INT) {
            return null;
        }
        double rank = parser.getDoubleValue();
        return rank > 0 && rank <= Integer.MAX_VALUE ? (int) rank : null;
    }

    private double numberOr(double absent) throws IOException {
        Double number = number();
        return number == null ? absent : number;
    }

    private String text() throws IOException {
        parser.skipChildren();
        return parser.currentToken() == JsonToken.VALUE_STRING ? parser.getText() : null;
    }

    /** A number, as which Python takes true and false too. */
    private Double number() throws IOException {
        parser.skipChildren();
        JsonToken token = parser.currentToken();
        return token.isBoolean()
                ? (Double) (token == JsonToken.VALUE_TRUE ? 1.0 : 0)
                : token.isNumeric() ? (Double) parser.getDoubleValue() : null;
    }

    private PeftNames names() throws IOException {
        boolean isExpression = parser.currentToken() == JsonToken.VALUE_STRING;
        return new PeftNames(texts(), isExpression);
    }

    /** What Python goes through: a text for itself, a list, or the keys of an object. */
    private List<String> texts() throws IOException {
        List<String> texts = new ArrayList<>();
        JsonToken start = parser.currentToken();
        if (start == JsonToken.VALUE_STRING) {
            texts.add(parser.getText());
        } else if (start == JsonToken.START_OBJECT) {
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                texts.add(parser.currentName());
                parser.nextToken();
                parser.skipChildren();
            }
        } else if (start == JsonToken.START_ARRAY) {
            while (parser.nextToken() != JsonToken.END_ARRAY) {
                if (parser.currentToken() == JsonToken.VALUE_STRING) {
                    texts.add(parser.getText());
                }
                parser.skipChildren();
            }
        }
        return List.copyOf(texts);
    }

    private boolean isNumberOrTrue() {
        return parser.currentToken().isNumeric() || parser.currentToken() == JsonToken.VALUE_TRUE;
    }

    /** A number, or a list of some: of no layer where it holds others only. */
    private Set<Integer> layers() throws IOException {
        Set<Integer> layers = new HashSet<>();
        JsonToken start = parser.currentToken();
        if (start == JsonToken.VALUE_NULL) {
            return layers;
        }
        if (start != JsonToken.START_ARRAY) {
            Double number = number();
            layers.add(number == null ? NO_LAYER : (Integer) number.intValue());
            return layers;
        }
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            Double number = number();
            layers.add(number == null || number != Math.rint(number) ? NO_LAYER : (Integer) number.intValue());
            parser.skipChildren();
        }
        return layers;
    }

    private Map<String, Double> numbers(String field, boolean ranks) throws IOException {
        Map<String, Double> numbers = new LinkedHashMap<>();
        require(parser.currentToken() == JsonToken.START_OBJECT, field);
        if (parser.currentToken() != JsonToken.START_OBJECT) {
            return numbers;
        }
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String key = parser.currentName();
            parser.nextToken();
            Integer rank = ranks ? rank() : null;
            Double value = !ranks ? number() : rank == null ? null : (Double) (double) rank;
            numbers.put(key, value);
            parser.skipChildren();
        }
        return numbers;
    }

    /**
     * Reads the file's bytes, as Python's {@code json.load} reads a file of UTF-8.
     *
     * @throws IOException if they are not a JSON object of PEFT's form
     */
    static PeftConfig parse(byte[] json) throws IOException {
        requireUtf8(json);
        try (JsonParser parser = JSON.createParser(json)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw new IOException("adapter_config.json: not a JSON object");
            }
            PeftConfig config = new PeftConfigReader(parser).read();
            if (parser.nextToken() != null) {
                throw new IOException("adapter_config.json: something stands behind the object");
            }
            return config;
        }
    }

    /** Jackson tells encodings itself, and steps over a byte order mark. */
    private static void requireUtf8(byte[] json) throws IOException {
        boolean marked = json.length > 0 && (json[0] & 0xff) == 0xef;
        boolean wide = json.length > 1 && (json[0] == 0 || json[1] == 0);
        try {
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(json));
        } catch (CharacterCodingException e) {
            wide = true;
        }
        if (marked || wide) {
            throw new IOException("adapter_config.json: not UTF-8 without a byte order mark");
        }
    }
}

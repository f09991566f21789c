package io.doraxis.adapter;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;

/**
 * What {@code adapter_config.json} says, as far as shapes and scales depend on it. Names and defaults are PEFT 0.21's.
 *
 * @param rank {@code r}; null when absent
 * @param alpha {@code lora_alpha}, or for LoHa and LoKr {@code alpha}; null when absent
 * @param transform what IA3's and OFT's layers depend on
 * @param fields names of all its fields, the first few hundred
 * @param expressions that its fields hold
 */
public record PeftConfig(
        String peftType,
        Integer rank,
        Double alpha,
        boolean useDora,
        boolean useRslora,
        boolean fanInFanOut,
        Map<String, Double> rankPattern,
        Map<String, Double> alphaPattern,
        PeftTargets targets,
        String baseModel,
        PeftTransform transform,
        List<String> fields,
        PeftExpressions expressions) {
    /** Python's parser, which PEFT uses, takes NaN and Infinity too. */
    private static final JsonFactory JSON = JsonFactory.builder()
            .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
            .build();

    private static final int MAX_FIELDS = 300;
    private static final int DEFAULT_RANK = 8;
    private static final double DEFAULT_ALPHA = 8;

    /**
     * Reads the file's bytes.
     *
     * @throws IOException if they are not a JSON object of PEFT's form
     */
    public static PeftConfig parse(byte[] json) throws IOException {
        try (JsonParser parser = JSON.createParser(json)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw new IOException("adapter_config.json: not a JSON object");
            }
            return new Reader(parser).read();
        }
    }

    /** Whether PEFT has its {@code peft_type}. */
    public boolean isOfKnownType() {
        return PeftFields.isType(peftType);
    }

    /** The scale of a module's product, by PEFT's own rules. */
    Scaling scaling(String path) {
        OptionalDouble rank = ranks(path);
        OptionalDouble alpha = expressions.first(alphaPattern, this.alpha == null ? DEFAULT_ALPHA : this.alpha, path);
        if (rank.isEmpty() || alpha.isEmpty()) {
            return new Scaling(null, null, "an expression of adapter_config.json was not tried");
        }
        return scaling(rank.getAsDouble(), alpha.getAsDouble());
    }

    private Scaling scaling(double rank, double alpha) {
        if (!(rank > 0) || !Double.isFinite(alpha)) {
            return new Scaling(alpha, null, "adapter_config.json gives no scale");
        }
        return new Scaling(alpha, alpha / (useRslora ? Math.sqrt(rank) : rank), "alpha from adapter_config.json");
    }

    private OptionalDouble ranks(String path) {
        return expressions.first(rankPattern, rank == null ? DEFAULT_RANK : rank, path);
    }

    /** The rank that PEFT gives a module; null where it cannot be told. */
    Integer rankOf(String path) {
        OptionalDouble rank = ranks(path);
        return rank.isPresent() ? Integer.valueOf((int) rank.getAsDouble()) : null;
    }

    /** Whether PEFT makes the module's factors of another rank than they have, and so cannot load them. */
    public boolean givesOtherRank(AdapterModule module) {
        Integer rank = module.rank() == null ? null : rankOf(module.peftPath());
        return rank != null && !rank.equals(module.rank());
    }

    /** Whether PEFT adapts the module at that path, by its own rules; true where it cannot be told. */
    public boolean targets(String path) {
        return targets.include(path, expressions);
    }

    /**
     * Whether {@code feedforward_modules} names the module at that path, by PEFT's own rules: names are ends of paths, with or
     * without a dot before them. Empty where it is absent or cannot be told.
     */
    public Optional<Boolean> isFeedforward(String path) {
        PeftNames names = transform.feedforward();
        if (names == null) {
            return Optional.empty();
        }
        return names.isExpression()
                ? names.include(path, expressions)
                : Optional.of(names.names().stream().anyMatch(path::endsWith));
    }

    /** Whether its expressions took too long, so that some modules were matched with none of them. */
    public boolean isGivenUp() {
        return expressions.isGivenUp();
    }

    private static final class Reader {
        private final JsonParser parser;
        private String peftType;
        private Integer rank;
        private Double loraAlpha;
        private Double plainAlpha;
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

        Reader(JsonParser parser) {
            this.parser = parser;
        }

        PeftConfig read() throws IOException {
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
                    List.copyOf(fields),
                    new PeftExpressions());
        }

        /** Whether alpha is called so; it is {@code lora_alpha} elsewhere, and PEFT ignores the other one. */
        private boolean hasPlainAlpha() {
            return "LOHA".equals(peftType) || "LOKR".equals(peftType);
        }

        private void readField(String field) throws IOException {
            switch (field) {
                case "peft_type" -> peftType = text();
                case "r" -> rank = integer();
                case "lora_alpha" -> loraAlpha = number();
                case "alpha" -> plainAlpha = number();
                case "use_dora" -> useDora = isTrue();
                case "use_rslora" -> useRslora = isTrue();
                case "fan_in_fan_out" -> fanInFanOut = isTrue();
                case "rank_pattern" -> rankPattern = numbers();
                case "alpha_pattern" -> alphaPattern = numbers();
                case "target_modules" -> targetModules = names();
                case "exclude_modules" -> excludeModules = names();
                case "modules_to_save" -> modulesToSave = texts();
                case "layers_to_transform" -> layersToTransform = integers();
                case "layers_pattern" -> layersPattern = texts();
                case "base_model_name_or_path" -> baseModel = text();
                default -> readTransform(field);
            }
            parser.skipChildren(); // of a list or object that was not expected there
        }

        private void readTransform(String field) throws IOException {
            switch (field) {
                case "feedforward_modules" ->
                    feedforward = parser.currentToken() == JsonToken.VALUE_NULL ? null : names();
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

        private boolean isTrue() {
            return parser.currentToken() == JsonToken.VALUE_TRUE;
        }

        private Integer integer() throws IOException {
            return parser.currentToken() == JsonToken.VALUE_NUMBER_INT ? parser.getIntValue() : null;
        }

        private double numberOr(double absent) throws IOException {
            Double number = number();
            return number == null ? absent : number;
        }

        private String text() throws IOException {
            parser.skipChildren();
            return parser.currentToken() == JsonToken.VALUE_STRING ? parser.getText() : null;
        }

        private Double number() throws IOException {
            parser.skipChildren();
            return parser.currentToken().isNumeric() ? parser.getDoubleValue() : null;
        }

        private PeftNames names() throws IOException {
            boolean isExpression = parser.currentToken() == JsonToken.VALUE_STRING;
            return new PeftNames(texts(), isExpression);
        }

        private List<String> texts() throws IOException {
            List<String> texts = new ArrayList<>();
            if (parser.currentToken() == JsonToken.VALUE_STRING) {
                texts.add(parser.getText());
            } else if (parser.currentToken() == JsonToken.START_ARRAY) {
                while (parser.nextToken() != JsonToken.END_ARRAY) {
                    if (parser.currentToken() == JsonToken.VALUE_STRING) {
                        texts.add(parser.getText());
                    }
                    parser.skipChildren();
                }
            } else {
                parser.skipChildren();
            }
            return List.copyOf(texts);
        }

        /** A number, or a list of some. */
        private Set<Integer> integers() throws IOException {
            Set<Integer> integers = new HashSet<>();
            if (parser.currentToken() == JsonToken.VALUE_NUMBER_INT) {
                integers.add(parser.getIntValue());
            } else if (parser.currentToken() == JsonToken.START_ARRAY) {
                while (parser.nextToken() != JsonToken.END_ARRAY) {
                    if (parser.currentToken() == JsonToken.VALUE_NUMBER_INT) {
                        integers.add(parser.getIntValue());
                    }
                    parser.skipChildren();
                }
            }
            return Set.copyOf(integers);
        }

        private Map<String, Double> numbers() throws IOException {
            Map<String, Double> numbers = new LinkedHashMap<>();
            if (parser.currentToken() == JsonToken.START_OBJECT) {
                while (parser.nextToken() == JsonToken.FIELD_NAME) {
                    String key = parser.currentName();
                    parser.nextToken();
                    if (parser.currentToken().isNumeric()) {
                        numbers.put(key, parser.getDoubleValue());
                    }
                    parser.skipChildren();
                }
            } else {
                parser.skipChildren();
            }
            return numbers;
        }
    }
}

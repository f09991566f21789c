package io.doraxis.adapter;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.doraxis.tensorfile.Printable;
import java.io.IOException;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.Predicate;

/**
 * What a file says about itself. Claims are free text that anybody may edit: they corroborate or conflict with what the
 * shapes prove, and decide nothing.
 *
 * @param values the claims that matter here, by a name that says where each stands
 */
public record MetadataClaims(Map<String, String> values) {
    private static final JsonFactory JSON = new JsonFactory();
    private static final String ARGS = "ss_network_args.";
    static final String DIFFUSERS = "lora_adapter_metadata";
    private static final Set<String> DIFFUSERS_KEPT =
            Set.of("r", "lora_alpha", "use_dora", "use_rslora", "lora_bias", "peft_type");

    /** Longer ones say nothing that matters here. */
    private static final int MAX_LENGTH = 1_000;

    /** A hostile text has more fields than any program writes. */
    private static final int MOST_CLAIMS = 100;

    /** Seconds since 1970 beyond which a number is no date: the year 5138. */
    private static final double LATEST_DATE = 1e11;

    private static final String[] KEPT = {
        "ss_network_module",
        "ss_network_dim",
        "ss_network_alpha",
        "ss_base_model_version",
        "ss_training_finished_at",
        "ss_training_started_at",
        "modelspec.architecture",
        "modelspec.implementation",
        "modelspec.license",
        "modelspec.date",
        "ot_revision",
        "ot_branch",
        "sshs_model_hash",
        "format"
    };
    private static final String[] ARGS_KEPT = {
        "algo", "dora_wd", "wd_on_output", "conv_dim", "conv_alpha", "rs_lora", "use_tucker", "factor", "preset"
    };
    private static final String[] OT_KEPT = {
        "lora_decompose", "lora_decompose_output_axis", "lokr_dora", "lokr_dora_on_output", "peft_type", "model_type"
    };

    public MetadataClaims {
        Map<String, String> printable = new LinkedHashMap<>();
        values.forEach((key, value) -> printable.put(Printable.of(key, MAX_LENGTH), Printable.of(value, MAX_LENGTH)));
        values = Collections.unmodifiableMap(printable);
    }

    /** Reads the claims out of a header's metadata and, for a PEFT directory, its configuration (null without one). */
    public static MetadataClaims of(Map<String, String> metadata, PeftConfig config) {
        Map<String, String> claims = new LinkedHashMap<>();
        for (String key : KEPT) {
            putIfPresent(claims, key, metadata.get(key));
        }
        putScalars(claims, ARGS, metadata.get("ss_network_args"), ARGS_KEPT);
        putScalars(claims, "ot_config.", metadata.get("ot_config"), OT_KEPT);
        putScalars(claims, "software.", metadata.get("software"), new String[] {"name", "version", "repo"});
        if (metadata.containsKey(DIFFUSERS)) {
            claims.put(DIFFUSERS, "present");
            putScalars(claims, DIFFUSERS + ".", metadata.get(DIFFUSERS), MetadataClaims::isDiffusersField);
        }
        if (config != null) {
            putIfPresent(claims, "adapter_config.peft_type", config.peftType());
            claims.put("adapter_config.use_dora", String.valueOf(config.useDora()));
            putIfPresent(claims, "adapter_config.base_model_name_or_path", config.baseModel());
        }
        return new MetadataClaims(claims);
    }

    MetadataClaims and(Map<String, String> more) {
        Map<String, String> all = new LinkedHashMap<>(values);
        all.putAll(more);
        return new MetadataClaims(all);
    }

    private static void putIfPresent(Map<String, String> claims, String key, String value) {
        if (value != null) {
            claims.put(key, value);
        }
    }

    /** The wanted fields of a JSON object in a text; a text that is none claims nothing. */
    private static void putScalars(Map<String, String> claims, String prefix, String json, String[] wanted) {
        putScalars(claims, prefix, json, Arrays.asList(wanted)::contains);
    }

    /** {@code unet.r}, {@code text_encoder.lora_alpha}: a field of PEFT's configuration behind the component. */
    private static boolean isDiffusersField(String field) {
        return DIFFUSERS_KEPT.contains(field.substring(field.lastIndexOf('.') + 1));
    }

    private static void putScalars(Map<String, String> claims, String prefix, String json, Predicate<String> wanted) {
        if (json == null) {
            return;
        }
        try (JsonParser parser = JSON.createParser(json)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                return;
            }
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String field = parser.currentName();
                if (parser.nextToken().isScalarValue() && wanted.test(field) && claims.size() < MOST_CLAIMS) {
                    claims.put(prefix + field, parser.getText());
                }
                parser.skipChildren();
            }
        } catch (IOException e) {
            claims.put(prefix + "unreadable", "not JSON");
        }
    }

    public Optional<String> get(String key) {
        return Optional.ofNullable(values.get(key));
    }

    OptionalDouble number(String key) {
        String value = values.get(key);
        if (value == null) {
            return OptionalDouble.empty();
        }
        try {
            return OptionalDouble.of(Double.parseDouble(value.trim()));
        } catch (NumberFormatException e) {
            return OptionalDouble.empty(); // "None", or anything else
        }
    }

    /** When training ended, or began where the end is not told. */
    public Optional<Instant> trainedAt() {
        OptionalDouble seconds = number("ss_training_finished_at");
        if (seconds.isEmpty()) {
            seconds = number("ss_training_started_at");
        }
        return seconds.isPresent() && Math.abs(seconds.getAsDouble()) < LATEST_DATE
                ? Optional.of(Instant.ofEpochSecond((long) seconds.getAsDouble()))
                : Optional.empty();
    }

    /** The scale that the metadata states, for a file whose alpha tensors were not read. */
    ClaimedScale scale() {
        return values.containsKey(ARGS + "rs_lora")
                ? ClaimedScale.NONE // the stored alpha then holds a factor that these texts do not
                : new ClaimedScale(
                        number("ss_network_dim"),
                        number("ss_network_alpha"),
                        values.containsKey(ARGS + "conv_dim"),
                        number(ARGS + "conv_dim"),
                        number(ARGS + "conv_alpha"));
    }

    /**
     * What sd-scripts' metadata says of ranks and alphas: {@code ss_network_alpha} where the rank is {@code
     * ss_network_dim}, and of convolutions {@code conv_alpha} where it is {@code conv_dim}.
     */
    record ClaimedScale(
            OptionalDouble rank,
            OptionalDouble alpha,
            boolean ofConvolutions,
            OptionalDouble convolutionRank,
            OptionalDouble convolutionAlpha) {
        static final ClaimedScale NONE = new ClaimedScale(
                OptionalDouble.empty(), OptionalDouble.empty(), false, OptionalDouble.empty(), OptionalDouble.empty());

        Scaling of(int moduleRank, boolean convolution) {
            return convolution && ofConvolutions
                    ? scaling(convolutionRank, convolutionAlpha, moduleRank, "alpha from " + ARGS + "conv_alpha")
                    : scaling(rank, alpha, moduleRank, "alpha from ss_network_alpha");
        }

        private static Scaling scaling(OptionalDouble rank, OptionalDouble alpha, int moduleRank, String note) {
            return rank.isPresent() && alpha.isPresent() && rank.getAsDouble() == moduleRank
                    ? Scaling.ofAlpha(alpha.getAsDouble(), moduleRank, note)
                    : Scaling.NONE;
        }
    }
}

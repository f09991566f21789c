package io.doraxis.adapter;

import io.doraxis.tensorfile.Printable;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What {@code adapter_config.json} says, as far as shapes and scales depend on it. Names and defaults are PEFT 0.21's.
 *
 * @param rank {@code r}; null where it is none
 * @param alpha {@code lora_alpha}, or for LoHa and LoKr {@code alpha}; null where it is no number
 * @param rankPattern with null for what is no rank
 * @param alphaPattern with null for what is no number
 * @param transform what IA3's and OFT's layers depend on
 * @param initial {@code init_lora_weights} of LoRA where it is a text; null for any other
 * @param activated whether tokens turn it on ({@code alora_invocation_tokens})
 * @param biased whether its layers have a bias beside the product ({@code lora_bias})
 * @param fault the first field for which PEFT raises, and what it holds; null without one
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
        String initial,
        boolean activated,
        boolean biased,
        String fault,
        List<String> fields,
        PeftExpressions expressions) {
    /** Types of which a scale and a rank of factors are asked. */
    private static final List<String> PRODUCTS = List.of("LORA", "LOHA", "LOKR");

    private static final int MAX_SHOWN = 120;

    /**
     * Reads the file's bytes, as Python's {@code json.load} reads a file of UTF-8.
     *
     * @throws IOException if they are not a JSON object of PEFT's form
     */
    public static PeftConfig parse(byte[] json) throws IOException {
        return PeftConfigReader.parse(json);
    }

    /** Whether PEFT has its {@code peft_type}. */
    public boolean isOfKnownType() {
        return PeftFields.isType(peftType);
    }

    /** The scale of a module's product, by PEFT's own rules. */
    Scaling scaling(String path) {
        Lookup<Integer> rank = rankOf(path);
        Lookup<Double> alpha = alphaOf(path);
        String why = fault != null ? fault : rank.why != null ? rank.why : alpha.why;
        if (why != null) {
            return new Scaling(alpha.value, null, why);
        }
        if (!Double.isFinite(alpha.value)) {
            return new Scaling(alpha.value, null, "adapter_config.json gives no scale");
        }
        double divisor = useRslora ? Math.sqrt(rank.value) : rank.value;
        return new Scaling(alpha.value, alpha.value / divisor, "alpha from adapter_config.json");
    }

    /**
     * What a module gets.
     *
     * @param value null where it is not known
     * @param why it is not known
     * @param raises whether PEFT raises for it
     */
    private record Lookup<T>(T value, String why, boolean raises) {}

    private Lookup<Integer> rankOf(String path) {
        Lookup<Double> found = lookup("rank_pattern", rankPattern, path, "r", rank == null ? null : (double) rank);
        return new Lookup<>(found.value == null ? null : found.value.intValue(), found.why, found.raises);
    }

    private Lookup<Double> alphaOf(String path) {
        return lookup("alpha_pattern", alphaPattern, path, "alpha", alpha);
    }

    private Lookup<Double> lookup(
            String field, Map<String, Double> pattern, String path, String otherField, Double otherwise) {
        PeftExpressions.Found found = expressions.first(pattern, path);
        if (found.untold() != null) {
            String took =
                    isGivenUp() ? "'s expressions took too long, such as " : ": it is not known what this matches: ";
            return new Lookup<>(null, field + took + clip(found.untold()), false);
        }
        Double value = found.key() == null ? otherwise : found.value();
        String holder = found.key() == null ? otherField : field + " of " + clip(found.key());
        return value == null
                ? new Lookup<>(null, fault != null ? fault : holder + " is no number that PEFT takes", true)
                : new Lookup<>(value, null, false);
    }

    /** The rank that PEFT gives a module; null where it is not known. */
    Integer rank(String path) {
        return rankOf(path).value;
    }

    /** For which field PEFT raises when it makes the module, or before; null without. */
    public String fault(AdapterModule module) {
        return fault != null || module.scale() != null ? fault : fault(module.peftPath());
    }

    String fault(String path) {
        if (fault != null || !isProduct(peftType)) {
            return fault;
        }
        Lookup<?> rank = rankOf(path);
        Lookup<?> alpha = alphaOf(path);
        return rank.raises ? rank.why : alpha.raises ? alpha.why : null;
    }

    /** Whether PEFT makes the module's factors of another rank than they have, and so cannot load them. */
    public boolean givesOtherRank(AdapterModule module) {
        Integer given = rank(module.peftPath());
        return module.rank() != null && given != null && !module.rank().equals(given);
    }

    /** Whether PEFT adapts the module at that path, by its own rules; empty where it cannot be told. */
    public Optional<Boolean> targets(String path) {
        return targets.include(path, expressions);
    }

    /** Whether PEFT may raise for a key of a pattern, all of which it tries in the end, or read it in another way. */
    public boolean hasUntoldKeys() {
        return Stream.of(rankPattern, alphaPattern)
                .flatMap(pattern -> pattern.keySet().stream())
                .anyMatch(expressions::isUntold);
    }

    /** Whether PEFT changes the base weights when it makes the layers, so that the factors alone are not the change. */
    public boolean changesBase() {
        return initial != null
                && (initial.startsWith("pissa")
                        || initial.startsWith("corda")
                        || initial.equalsIgnoreCase("olora")
                        || initial.equals("loftq")
                        || initial.equals("lora_ga"));
    }

    /** Whether it makes the same change of the base each time. */
    public boolean repeatsInitial() {
        return initial.equals("pissa") || initial.equalsIgnoreCase("olora");
    }

    /** Why its modules are no change of the weights that the file alone tells; null where they are. */
    public String unmergeable() {
        if (changesBase()) {
            return "init_lora_weights is " + clip(initial)
                    + ": PEFT changes the base weights too, so the factors alone are not the change";
        }
        return activated
                ? "alora_invocation_tokens: it acts behind these tokens only, and PEFT does not merge it"
                : null;
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

    static boolean isProduct(String peftType) {
        return peftType != null && PRODUCTS.contains(peftType);
    }

    static String clip(String text) {
        return Printable.of(text, MAX_SHOWN);
    }

    /** Whether its expressions took too long, so that some modules were matched with none of them. */
    public boolean isGivenUp() {
        return expressions.isGivenUp();
    }
}

package io.doraxis.adapter;

import static io.doraxis.tensorfile.Finding.Code.PEFT_CONFIG;
import static io.doraxis.tensorfile.Finding.Code.PEFT_DORA_IGNORED;
import static io.doraxis.tensorfile.Finding.Code.PEFT_DORA_MISSING;
import static io.doraxis.tensorfile.Finding.Code.PEFT_PATTERN;
import static io.doraxis.tensorfile.Finding.Code.PEFT_PREFIX_MISSING;
import static io.doraxis.tensorfile.Finding.Code.PEFT_RANK;
import static io.doraxis.tensorfile.Finding.Code.PEFT_UNKNOWN_FIELD;
import static io.doraxis.tensorfile.Finding.Code.PEFT_UNTARGETED;

import io.doraxis.tensorfile.Finding;
import io.doraxis.tensorfile.Tally;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Where a PEFT directory means something else than it seems to: what PEFT 0.21.2 drops or ignores, mostly without a
 * word (its loading, run on small models).
 */
public final class PeftTraps {
    private final AdapterIndex adapter;
    private final PeftConfig config;
    private final List<Finding> findings = new ArrayList<>();

    private PeftTraps(AdapterIndex adapter, PeftConfig config) {
        this.adapter = adapter;
        this.config = config;
    }

    /** The traps of a configuration and the tensors beside it. */
    public static List<Finding> of(AdapterIndex adapter, PeftConfig config) {
        PeftTraps traps = new PeftTraps(adapter, config);
        traps.fields();
        traps.magnitudes();
        traps.targets();
        traps.ranks();
        traps.pattern("rank_pattern", config.rankPattern());
        traps.pattern("alpha_pattern", config.alphaPattern());
        traps.expressions();
        return traps.findings;
    }

    private void expressions() {
        Tally untried = new Tally();
        config.expressions().untried().forEach(untried::add);
        untried.report(PEFT_CONFIG, "%d expressions are broken, or of a kind that is not tried: ", findings);
        if (config.isGivenUp()) {
            findings.add(new Finding(PEFT_CONFIG, "the expressions took too long: some were not tried"));
        }
    }

    private void fields() {
        Tally unknown = new Tally();
        PeftFields.unknown(config.peftType(), config.fields()).forEach(unknown::add);
        unknown.report(PEFT_UNKNOWN_FIELD, "%d fields that PEFT 0.21 does not know, and ignores: ", findings);
    }

    private void magnitudes() {
        if (!"LORA".equals(config.peftType())) {
            return;
        }
        Tally with = new Tally();
        Tally without = new Tally();
        for (AdapterModule module : adapter.modules()) {
            (module.hasDora() ? with : without).add(module.name());
        }
        if (!config.useDora()) {
            with.report(
                    PEFT_DORA_IGNORED, "use_dora is not true, so PEFT drops %d magnitudes without a word: ", findings);
        } else {
            without.report(PEFT_DORA_MISSING, "use_dora is true, and %d modules have no magnitude: ", findings);
        }
    }

    private void targets() {
        Tally untargeted = new Tally();
        Tally unprefixed = new Tally();
        for (AdapterModule module : adapter.modules()) {
            String name = module.name();
            if (!name.startsWith(AdapterIndex.PEFT_PREFIX)) {
                unprefixed.add(name);
            } else if (!config.targets(module.peftPath())) {
                untargeted.add(name);
            }
        }
        untargeted.report(
                PEFT_UNTARGETED,
                "PEFT would not adapt %d modules by the configuration, and drops them without a word: ",
                findings);
        unprefixed.report(
                PEFT_PREFIX_MISSING,
                "%d modules without base_model.model. before them, which PEFT does not find: ",
                findings);
    }

    private void ranks() {
        Tally others = new Tally();
        for (AdapterModule module : adapter.modules()) {
            if (config.givesOtherRank(module)) {
                others.add(module.name());
            }
        }
        others.report(PEFT_RANK, "the tensors of %d modules have another rank than the configuration: ", findings);
    }

    /** Keys match as expressions at the end of a path, and the first in the file's order counts; saving sorts them. */
    private void pattern(String field, Map<String, Double> pattern) {
        Set<String> used = new HashSet<>();
        Tally contested = new Tally();
        for (AdapterModule module : adapter.modules()) {
            Double first = null;
            boolean differs = false;
            for (Map.Entry<String, Double> entry : pattern.entrySet()) {
                Optional<Boolean> matches = config.expressions().matchesEnd(entry.getKey(), module.peftPath());
                if (matches.orElse(true)) {
                    used.add(entry.getKey());
                }
                if (matches.orElse(false)) {
                    differs |= first != null && !first.equals(entry.getValue());
                    first = first == null ? entry.getValue() : first;
                }
                if (config.isGivenUp()) {
                    return; // nothing can be told of the rest
                }
            }
            if (differs) {
                contested.add(module.name());
            }
        }
        Tally unused = new Tally();
        pattern.keySet().stream().filter(key -> !used.contains(key)).forEach(unused::add);
        unused.report(PEFT_PATTERN, "%d keys of " + field + " match no module: ", findings);
        contested.report(
                PEFT_PATTERN,
                "keys of " + field + " give %d modules different values, of which the first counts: ",
                findings);
    }
}

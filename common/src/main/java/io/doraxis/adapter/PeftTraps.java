package io.doraxis.adapter;

import static io.doraxis.tensorfile.Finding.Code.PEFT_BASE_CHANGED;
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
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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
        traps.initial();
        traps.unprefixed();
        traps.findings.addAll(departures(adapter, config));
        traps.ranks();
        traps.pattern("rank_pattern", config.rankPattern());
        traps.pattern("alpha_pattern", config.alphaPattern());
        return traps.findings;
    }

    private void fields() {
        Tally unknown = new Tally();
        PeftFields.unknown(config.peftType(), config.fields()).forEach(unknown::add);
        unknown.report(PEFT_UNKNOWN_FIELD, "%d fields that PEFT 0.21 does not know, and ignores: ", findings);
    }

    private void initial() {
        if (config.changesBase()) {
            findings.add(new Finding(PEFT_BASE_CHANGED, config.unmergeable()));
        }
        Tally faults = new Tally();
        adapter.modules().stream()
                .map(config::fault)
                .filter(Objects::nonNull)
                .distinct()
                .forEach(faults::add);
        faults.report(PEFT_CONFIG, "PEFT raises for %d fields: ", findings);
    }

    /** Where PEFT's own merge would have another result than one of all tensors as they are. */
    public static List<Finding> departures(AdapterIndex adapter, PeftConfig config) {
        PeftTraps traps = new PeftTraps(adapter, config);
        traps.magnitudes();
        traps.untargeted();
        return traps.findings;
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

    private void untargeted() {
        Tally untargeted = new Tally();
        Tally untold = new Tally();
        for (AdapterModule module : adapter.modules()) {
            String name = module.name();
            if (name.startsWith(AdapterIndex.PEFT_PREFIX)) {
                Optional<Boolean> targets = config.targets(AdapterIndex.peftPath(name));
                if (!targets.orElse(false)) {
                    (targets.isPresent() ? untargeted : untold).add(name);
                }
            }
        }
        untargeted.report(
                PEFT_UNTARGETED,
                "PEFT would not adapt %d modules by the configuration, and drops them without a word: ",
                findings);
        untold.report(
                PEFT_UNTARGETED,
                "by the configuration's expressions it is not known whether PEFT adapts %d modules: ",
                findings);
    }

    private void unprefixed() {
        Tally unprefixed = new Tally();
        adapter.modules().stream()
                .map(AdapterModule::name)
                .filter(name -> !name.startsWith(AdapterIndex.PEFT_PREFIX))
                .forEach(unprefixed::add);
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
        Set<String> untold = new LinkedHashSet<>();
        Tally contested = new Tally();
        for (AdapterModule module : adapter.modules()) {
            Double first = null;
            boolean differs = false;
            for (Map.Entry<String, Double> entry : pattern.entrySet()) {
                Optional<Boolean> matches = config.expressions().matchesEnd(entry.getKey(), module.peftPath());
                if (matches.isEmpty()) {
                    untold.add(entry.getKey());
                } else if (matches.get()) {
                    used.add(entry.getKey());
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
        pattern.keySet().stream()
                .filter(key -> !used.contains(key) && !untold.contains(key))
                .forEach(unused::add);
        unused.report(PEFT_PATTERN, "%d keys of " + field + " match no module: ", findings);
        Tally unknown = new Tally();
        untold.forEach(unknown::add);
        unknown.report(PEFT_PATTERN, "of %d keys of " + field + " it is not known what they match: ", findings);
        contested.report(
                PEFT_PATTERN,
                "keys of " + field + " give %d modules different values, of which the first counts: ",
                findings);
    }
}

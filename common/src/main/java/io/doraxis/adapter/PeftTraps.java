package io.doraxis.adapter;

import static io.doraxis.tensorfile.Finding.Code.PEFT_DORA_IGNORED;
import static io.doraxis.tensorfile.Finding.Code.PEFT_DORA_MISSING;
import static io.doraxis.tensorfile.Finding.Code.PEFT_PATTERN;
import static io.doraxis.tensorfile.Finding.Code.PEFT_PREFIX_MISSING;
import static io.doraxis.tensorfile.Finding.Code.PEFT_RANK;
import static io.doraxis.tensorfile.Finding.Code.PEFT_UNKNOWN_FIELD;
import static io.doraxis.tensorfile.Finding.Code.PEFT_UNTARGETED;

import io.doraxis.tensorfile.Finding;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Where a PEFT directory means something else than it seems to: what PEFT 0.21.2 drops or ignores, mostly without a
 * word (its loading, run on small models).
 */
public final class PeftTraps {
    private static final int NAMES_KEPT = 5;

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
        return traps.findings;
    }

    private void add(Finding.Code code, List<String> names, String what) {
        if (!names.isEmpty()) {
            String shown = String.join(", ", names.subList(0, Math.min(NAMES_KEPT, names.size())));
            findings.add(new Finding(code, what.formatted(names.size()) + shown));
        }
    }

    private void fields() {
        add(
                PEFT_UNKNOWN_FIELD,
                PeftFields.unknown(config.peftType(), config.fields()),
                "%d fields that PEFT 0.21 does not know, and ignores: ");
    }

    private void magnitudes() {
        if (!"LORA".equals(config.peftType())) {
            return;
        }
        List<String> with = new ArrayList<>();
        List<String> without = new ArrayList<>();
        for (AdapterModule module : adapter.modules()) {
            (module.hasDora() ? with : without).add(module.name());
        }
        if (!config.useDora()) {
            add(PEFT_DORA_IGNORED, with, "use_dora is not true, so PEFT drops %d magnitudes without a word: ");
        } else {
            add(PEFT_DORA_MISSING, without, "use_dora is true, and %d modules have no magnitude: ");
        }
    }

    private void targets() {
        List<String> untargeted = new ArrayList<>();
        List<String> unprefixed = new ArrayList<>();
        for (AdapterModule module : adapter.modules()) {
            String name = module.name();
            if (!name.startsWith(AdapterIndex.PEFT_PREFIX)) {
                unprefixed.add(name);
            } else if (!config.targets(AdapterIndex.peftPath(module.name()))) {
                untargeted.add(name);
            }
        }
        add(
                PEFT_UNTARGETED,
                untargeted,
                "PEFT would not adapt %d modules by the configuration, and drops them without a word: ");
        add(
                PEFT_PREFIX_MISSING,
                unprefixed,
                "%d modules without base_model.model. before them, which PEFT does not find: ");
    }

    private void ranks() {
        List<String> others = new ArrayList<>();
        for (AdapterModule module : adapter.modules()) {
            if (config.givesOtherRank(module)) {
                others.add(module.name());
            }
        }
        add(PEFT_RANK, others, "the tensors of %d modules have another rank than the configuration: ");
    }

    /** Keys match as expressions at the end of a path, and the first in the file's order counts; saving sorts them. */
    private void pattern(String field, Map<String, Double> pattern) {
        Map<String, Boolean> used = new LinkedHashMap<>();
        pattern.keySet().forEach(key -> used.put(key, false));
        List<String> contested = new ArrayList<>();
        for (AdapterModule module : adapter.modules()) {
            Double first = null;
            boolean differs = false;
            for (Map.Entry<String, Double> entry : pattern.entrySet()) {
                if (config.expressions().matchesEnd(entry.getKey(), AdapterIndex.peftPath(module.name()))) {
                    used.put(entry.getKey(), true);
                    differs |= first != null && !first.equals(entry.getValue());
                    first = first == null ? entry.getValue() : first;
                }
            }
            if (differs) {
                contested.add(module.name());
            }
        }
        List<String> unused = used.entrySet().stream()
                .filter(entry -> !entry.getValue())
                .map(Map.Entry::getKey)
                .toList();
        add(PEFT_PATTERN, unused, "%d keys of " + field + " match no module: ");
        add(
                PEFT_PATTERN,
                contested,
                "keys of " + field + " give %d modules different values, of which the first counts: ");
    }
}

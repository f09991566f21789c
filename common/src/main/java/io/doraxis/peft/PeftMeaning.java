package io.doraxis.peft;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.adapter.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What PEFT 0.21.2 makes of a directory in its layout: the modules that it adapts, and what another layout cannot say. Of
 * an adapter with PEFT's keys and no configuration all modules count.
 */
final class PeftMeaning {
    private static final Set<String> PRODUCTS = Set.of("LORA", "LOHA", "LOKR");

    private final ExportSource source;
    private final PeftConfig config;
    private final List<AdapterModule> adapted = new ArrayList<>();
    private final List<String> ignored = new ArrayList<>();
    private String objection;

    PeftMeaning(ExportSource source) {
        this.source = source;
        this.config = source.config();
        judgeConfig();
        source.adapter().modules().forEach(this::judge);
        if (source.adapter().unrecognised() > 0) {
            source.adapter().unrecognisedNames().forEach(this::judgeRest);
        }
        if (config != null && config.isGivenUp()) {
            object("the expressions of its configuration took too long");
        }
    }

    /** In their order. */
    List<AdapterModule> adapted() {
        return adapted;
    }

    /** Names that PEFT ignores, without a word. */
    List<String> ignored() {
        return ignored;
    }

    /** Why the modules' factors do not say all of it. */
    Optional<String> objection() {
        return Optional.ofNullable(objection);
    }

    /** The same, where all that is in the file has to be meant. */
    Optional<String> objectionToPeft() {
        if (objection == null && !ignored.isEmpty()) {
            object("PEFT ignores some of its names, such as " + ignored.get(0));
        }
        if (objection == null && adapted.stream().anyMatch(module -> module.hasDora() && !config.useDora())) {
            object("its magnitudes do not count without use_dora");
        }
        return objection();
    }

    boolean isDora(AdapterModule module) {
        return module.hasDora() && (config == null || config.useDora());
    }

    private void object(String why) {
        objection = objection == null ? why : objection;
    }

    private void judgeConfig() {
        if (config == null) {
            return;
        }
        if (!PRODUCTS.contains(config.peftType())) {
            object("it is " + config.peftType() + ", whose formula in PEFT is no product that another layout has");
        } else if (config.fanInFanOut()) {
            object("its layers keep their weights transposed (fan_in_fan_out)");
        }
    }

    private void judge(AdapterModule module) {
        String name = module.name();
        boolean found = config == null
                || name.startsWith(AdapterIndex.PEFT_PREFIX)
                        && config.targets(AdapterIndex.peftPath(name)).orElse(false);
        if (!found) {
            ignored.add(name);
            return;
        }
        adapted.add(module);
        if (!module.isComplete()) {
            object(name + ": " + Treatment.INCOMPLETE.reason());
        } else if (module.scale() == null) {
            object(name + ": " + Treatment.NO_SCALE.reason());
        } else if (module.tensors().hasAny(Role.UP_BIAS, Role.BASE_BIAS)) {
            object(name + ": it has a bias");
        } else if (config != null && config.givesOtherRank(module)) {
            object(name + ": its factors have another rank than its configuration gives");
        } else if (config != null && config.useDora() && !module.hasDora()) {
            object(name + ": its magnitude is missing, which PEFT then takes from the base's weights");
        }
    }

    private void judgeRest(String name) {
        if (name.startsWith(AdapterIndex.PEFT_PREFIX)) {
            object("it holds more than factors, such as " + name);
        } else {
            ignored.add(name);
        }
    }
}

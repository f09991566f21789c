package io.doraxis.consumer;

import java.util.List;

/** One program, at one version, as its rules describe it: the first that matches a module counts. */
record Consumer(String name, List<Rule> rules, Rule fallback) {
    /** @param factSets the distinct fact sets of a file's modules; at least one */
    Prediction predict(long[] factSets) {
        Rule worst = null;
        boolean loadsSome = false;
        for (long facts : factSets) {
            Rule rule = match(facts);
            loadsSome |= rule.loads();
            if (worst == null
                    || rule.ofModule().outcome().overrules(worst.ofModule().outcome())) {
                worst = rule;
            }
        }
        return loadsSome ? worst.ofModule() : worst.ofFile();
    }

    private Rule match(long facts) {
        for (Rule rule : rules) {
            if (rule.matches(facts)) {
                return rule;
            }
        }
        return fallback;
    }
}

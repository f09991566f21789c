package io.doraxis.adapter;

import java.util.List;
import java.util.Optional;

/**
 * What {@code target_modules}, {@code exclude_modules} and {@code feedforward_modules} hold.
 *
 * @param names of modules, or the one regular expression
 * @param isExpression whether it is one text and not a list
 */
public record PeftNames(List<String> names, boolean isExpression) {
    static final PeftNames NONE = new PeftNames(List.of(), false);

    boolean isEmpty() {
        return names.isEmpty();
    }

    /** Whether one of them is the path or its end behind a dot, or the expression matches all of it; empty where it cannot be told. */
    Optional<Boolean> include(String path, PeftExpressions expressions) {
        return isExpression ? expressions.matches(names.get(0), path) : expressions.areNamed(names, path);
    }
}

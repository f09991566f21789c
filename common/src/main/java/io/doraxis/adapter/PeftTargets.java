package io.doraxis.adapter;

import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Which modules PEFT gives an adapter: {@code check_target_module_exists} of PEFT 0.21.2.
 *
 * @param modules {@code target_modules}
 * @param excluded {@code exclude_modules}, which goes before them
 * @param saved {@code modules_to_save}: they and all in them have none
 * @param layers {@code layers_to_transform}: numbers of the layers that have one; empty for all
 * @param layersPattern {@code layers_pattern}: what stands before the number of a layer; empty for anything
 */
public record PeftTargets(
        PeftNames modules, PeftNames excluded, List<String> saved, Set<Integer> layers, List<String> layersPattern) {
    private static final String ALL_LINEAR = "all-linear";
    private static final Pattern NUMBER = Pattern.compile("\\d{1,9}");

    /** Of a path; nobody's layers lie deeper. */
    private static final int MAX_NAMES = 100;

    /** Whether {@code target_modules} is absent, so that the base model's type decides. */
    public boolean areAbsent() {
        return modules.isEmpty();
    }

    /** Whether the module at that path has an adapter; true where it cannot be told. */
    boolean include(String path, PeftExpressions expressions) {
        if (excluded.include(path, expressions).orElse(false) || isSaved(path, expressions)) {
            return false;
        }
        if (modules.isEmpty()
                || modules.isExpression() && modules.names().get(0).equalsIgnoreCase(ALL_LINEAR)) {
            return true;
        }
        return modules.include(path, expressions).orElse(true)
                && (modules.isExpression() || modules.names().contains(path) || isInLayers(path, expressions));
    }

    private boolean isSaved(String path, PeftExpressions expressions) {
        return saved.stream()
                .anyMatch(name -> expressions
                        .matches("(^|.*\\.)" + name + "($|\\..*)", path)
                        .orElse(false));
    }

    /** The first number behind one of the patterns decides; without these the first behind two names. */
    private boolean isInLayers(String path, PeftExpressions expressions) {
        if (layers.isEmpty()) {
            return true;
        }
        String[] names = path.split("\\.", MAX_NAMES);
        int end = names[0].length();
        for (int i = 1; i < names.length - 1; i++) {
            if (NUMBER.matcher(names[i]).matches()
                    && (layersPattern.isEmpty() ? i > 1 : isPattern(path.substring(0, end), expressions))) {
                return layers.contains(Integer.parseInt(names[i]));
            }
            end += 1 + names[i].length();
        }
        return false;
    }

    private boolean isPattern(String path, PeftExpressions expressions) {
        return layersPattern.stream()
                .anyMatch(pattern -> expressions.matchesEnd(pattern, path).orElse(true));
    }
}

package io.doraxis.adapter;

import java.util.List;
import java.util.Optional;
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
    private static final Optional<Boolean> TRUE = Optional.of(true);
    private static final Optional<Boolean> FALSE = Optional.of(false);
    private static final String ALL_LINEAR = "all-linear";
    private static final Pattern NUMBER = Pattern.compile("\\d{1,9}");

    /** Of a path; nobody's layers lie deeper. */
    private static final int MAX_NAMES = 100;

    /** Whether {@code target_modules} is absent, so that the base model's type decides. */
    public boolean areAbsent() {
        return modules.isEmpty();
    }

    /** Whether the module at that path has an adapter; empty where it cannot be told. */
    Optional<Boolean> include(String path, PeftExpressions expressions) {
        Optional<Boolean> without = or(excluded.include(path, expressions), isSaved(path, expressions));
        Optional<Boolean> within = modules.isEmpty()
                        || modules.isExpression() && modules.names().get(0).equalsIgnoreCase(ALL_LINEAR)
                ? TRUE
                : modules.include(path, expressions);
        if (!modules.isExpression() && !modules.isEmpty() && !modules.names().contains(path)) {
            within = not(or(not(within), not(isInLayers(path, expressions))));
        }
        return not(or(without, not(within)));
    }

    private Optional<Boolean> isSaved(String path, PeftExpressions expressions) {
        Optional<Boolean> any = FALSE;
        for (String name : saved) {
            any = or(any, expressions.matches("(^|.*\\.)" + name + "($|\\..*)", path));
        }
        return any;
    }

    /** Empty where it cannot be told. */
    private static Optional<Boolean> or(Optional<Boolean> one, Optional<Boolean> other) {
        return one.equals(TRUE) || other.equals(TRUE) ? TRUE : one.isEmpty() ? one : other;
    }

    private static Optional<Boolean> not(Optional<Boolean> one) {
        return one.map(it -> !it);
    }

    /** The first number behind one of the patterns decides; without these the first behind two names. */
    private Optional<Boolean> isInLayers(String path, PeftExpressions expressions) {
        if (layers.isEmpty()) {
            return TRUE;
        }
        String[] names = path.split("\\.", MAX_NAMES);
        int end = names[0].length();
        for (int i = 1; i < names.length - 1; i++) {
            if (NUMBER.matcher(names[i]).matches()) {
                Optional<Boolean> isLayer =
                        layersPattern.isEmpty() ? Optional.of(i > 1) : isPattern(path.substring(0, end), expressions);
                if (!isLayer.equals(FALSE)) {
                    boolean named = layers.contains(Integer.parseInt(names[i]));
                    return isLayer.map(it -> named);
                }
            }
            end += 1 + names[i].length();
        }
        return FALSE;
    }

    private Optional<Boolean> isPattern(String path, PeftExpressions expressions) {
        Optional<Boolean> any = FALSE;
        for (String pattern : layersPattern) {
            any = or(any, expressions.matchesEnd(pattern, path));
        }
        return any;
    }
}

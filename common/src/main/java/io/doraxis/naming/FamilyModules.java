package io.doraxis.naming;

import io.doraxis.tensorfile.ResourceLines;
import io.doraxis.tensorfile.Shape;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The modules of the known models, as their own library names them: {@code families.txt}. */
final class FamilyModules {
    private static final String RESOURCE = "families.txt";
    private static final Pattern NUMBERS = Pattern.compile("\\{([^}]*)}");

    /** Read when the first model is looked at. */
    private static final class Holder {
        static final Map<ModelFamily, Map<String, Shape>> FAMILIES = read();
    }

    private FamilyModules() {}

    /** For each family the names of its modules and the shapes of their weights, in the model's order. */
    static Map<ModelFamily, Map<String, Shape>> all() {
        return Holder.FAMILIES;
    }

    private static Map<ModelFamily, Map<String, Shape>> read() {
        Map<ModelFamily, Map<String, Shape>> families = new EnumMap<>(ModelFamily.class);
        Map<String, Shape> modules = Map.of();
        for (String line : ResourceLines.of(FamilyModules.class, RESOURCE)) {
            String[] words = line.split(" ");
            if (words[0].equals("family")) {
                modules = new LinkedHashMap<>();
                families.put(ModelFamily.valueOf(words[1]), modules);
            } else {
                Shape shape = shape(words[1]);
                for (String name : expanded(words[0])) {
                    modules.put(name, shape);
                }
            }
        }
        return families;
    }

    private static Shape shape(String text) {
        String[] parts = text.split("x");
        long[] dims = new long[parts.length];
        for (int i = 0; i < parts.length; i++) {
            dims[i] = Long.parseLong(parts[i]);
        }
        return Shape.of(dims);
    }

    /** {@code a.{0-1}.b.{2,4}}: four names. */
    private static List<String> expanded(String pattern) {
        Matcher numbers = NUMBERS.matcher(pattern);
        if (!numbers.find()) {
            return List.of(pattern);
        }
        List<String> names = new ArrayList<>();
        for (String rest : expanded(pattern.substring(numbers.end()))) {
            for (String part : numbers.group(1).split(",")) {
                String[] ends = part.split("-");
                for (int i = Integer.parseInt(ends[0]); i <= Integer.parseInt(ends[ends.length - 1]); i++) {
                    names.add(pattern.substring(0, numbers.start()) + i + rest);
                }
            }
        }
        return names;
    }
}

package io.doraxis.adapter;

import io.doraxis.tensorfile.ResourceLines;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The fields of {@code adapter_config.json} that PEFT 0.21.2 knows: {@code peft-fields.txt}. */
final class PeftFields {
    private static final String RESOURCE = "peft-fields.txt";
    private static final String ALL = "ALL";
    private static final Map<String, Set<String>> BY_TYPE = read();

    private PeftFields() {}

    private static Map<String, Set<String>> read() {
        Map<String, Set<String>> fields = new HashMap<>();
        for (String line : ResourceLines.of(PeftFields.class, RESOURCE)) {
            String[] words = line.split(" ");
            fields.put(words[0], Set.of(words));
        }
        return fields;
    }

    /** Whether PEFT has that type. */
    static boolean isType(String peftType) {
        return BY_TYPE.containsKey(peftType) && !ALL.equals(peftType);
    }

    /** Of these fields those that PEFT ignores for that type, in their order; none for a type that it does not know. */
    static List<String> unknown(String peftType, List<String> fields) {
        if (!isType(peftType)) {
            return List.of();
        }
        return fields.stream()
                .filter(field -> !BY_TYPE.get(peftType).contains(field)
                        && !BY_TYPE.get(ALL).contains(field))
                .toList();
    }
}

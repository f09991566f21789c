package io.doraxis.spark;

import java.io.Serializable;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;

/** By what products were computed, and on which device; several of a merge's files with commas between them. */
record Computed(String kernel, String device, List<String> warnings) implements Serializable {
    static Computed all(List<Computed> files) {
        return new Computed(
                joined(files, Computed::kernel),
                joined(files, Computed::device),
                List.copyOf(files.stream()
                        .flatMap(file -> file.warnings.stream())
                        .collect(Collectors.toCollection(LinkedHashSet::new))));
    }

    private static String joined(List<Computed> files, Function<Computed, String> name) {
        return files.stream().map(name).distinct().sorted().collect(Collectors.joining(", "));
    }
}

package io.doraxis.naming;

import java.util.Collection;
import java.util.stream.Collectors;

/**
 * Which base models a file's layers fit, by name and shape.
 *
 * @param families one, or those that these layers do not tell apart
 * @param fitting layers that fit them
 * @param looked layers that were looked at
 */
public record FamilyMatch(Collection<ModelFamily> families, int fitting, int looked) {
    /** As a column has it: {@code SDXL}, or {@code SD15|SD21}. */
    public String name() {
        return families.stream().map(Enum::name).sorted().collect(Collectors.joining("|"));
    }

    /** As a column has it: {@code 64/64}. */
    public String score() {
        return fitting + "/" + looked;
    }
}

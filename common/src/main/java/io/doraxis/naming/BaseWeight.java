package io.doraxis.naming;

import io.doraxis.tensorfile.Shape;
import java.io.Serializable;

/**
 * A weight of a base model.
 *
 * @param name its tensor's, as in {@code down_blocks.0.attentions.0.proj_in.weight}
 */
public record BaseWeight(String name, Shape shape) implements Serializable {
    private static final String WEIGHT = ".weight";

    /** The module that has it. */
    public String module() {
        return name.endsWith(WEIGHT) ? name.substring(0, name.length() - WEIGHT.length()) : name;
    }
}

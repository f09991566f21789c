package io.doraxis.naming;

import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorInfo;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

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

    /** The weights among a model's tensors. */
    public static List<BaseWeight> of(List<TensorInfo> tensors) {
        List<BaseWeight> weights = new ArrayList<>();
        for (TensorInfo tensor : tensors) {
            if (tensor.name().endsWith(WEIGHT)) {
                weights.add(new BaseWeight(tensor.name(), tensor.shape()));
            }
        }
        return weights;
    }
}

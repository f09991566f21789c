package io.doraxis.peft;

import io.doraxis.adapter.AdapterModule;
import java.util.List;

/**
 * A module of an exported adapter.
 *
 * @param source the module that it is made of
 * @param path of its layer in the base model
 * @param alpha that gives its scale at that rank
 */
public record PeftModule(AdapterModule source, String path, int rank, double alpha, List<PeftTensor> tensors) {
    public PeftModule {
        tensors = List.copyOf(tensors);
    }
}

package io.doraxis.peft;

import java.util.List;

/**
 * A directory in PEFT's layout.
 *
 * @param folder below the output, such as {@code unet}; empty where there is one directory only
 * @param fields of its configuration beyond ranks, alphas and targets, in PEFT's terms
 */
public record PeftAdapter(String folder, PeftType type, List<PeftModule> modules, List<Field> fields) {
    /** A field of {@code adapter_config.json}: a boolean or an integer. */
    public record Field(String name, Object value) {}

    public PeftAdapter {
        modules = List.copyOf(modules);
        fields = List.copyOf(fields);
    }

    /** All its tensors. */
    public List<PeftTensor> tensors() {
        return modules.stream().flatMap(module -> module.tensors().stream()).toList();
    }
}

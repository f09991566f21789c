package io.doraxis.peft;

import java.util.List;
import java.util.Map;

/**
 * An export that is one file, whatever components the adapter has.
 *
 * @param name below the output
 * @param layout whose it is, in words
 * @param library that loads it
 * @param metadata of its header, beside what tells where it comes from
 * @param loading how it is loaded, in lines of Python
 */
public record SingleFile(
        String name,
        String layout,
        String library,
        List<PeftModule> modules,
        Map<String, String> metadata,
        List<String> loading) {
    public SingleFile {
        modules = List.copyOf(modules);
        metadata = Map.copyOf(metadata);
        loading = List.copyOf(loading);
    }

    List<PeftTensor> tensors() {
        return modules.stream().flatMap(module -> module.tensors().stream()).toList();
    }
}

package io.doraxis.peft;

import io.doraxis.naming.Component;
import java.util.List;
import java.util.stream.Stream;

/**
 * A directory in PEFT's layout.
 *
 * @param folder below the output, such as {@code unet}; empty where there is one directory only
 * @param component of the base that it is for; ANY where the base's names do not say
 * @param saved layers whose whole weights are in it; of them PEFT has no factors
 * @param fields of its configuration beyond ranks, alphas and targets, in PEFT's terms
 */
public record PeftAdapter(
        String folder,
        Component component,
        PeftType type,
        List<PeftModule> modules,
        List<SavedModule> saved,
        List<Field> fields) {
    /** A field of {@code adapter_config.json}: a boolean, an integer or a text. */
    public record Field(String name, Object value) {}

    /**
     * A layer of which all parameters are written.
     *
     * @param path of the layer in the base model
     */
    public record SavedModule(String path, List<PeftTensor> tensors) {
        public SavedModule {
            tensors = List.copyOf(tensors);
        }
    }

    public PeftAdapter {
        modules = List.copyOf(modules);
        saved = List.copyOf(saved);
        fields = List.copyOf(fields);
    }

    PeftAdapter(String folder, PeftType type, List<PeftModule> modules, List<Field> fields) {
        this(folder, Component.ANY, type, modules, List.of(), fields);
    }

    /** The same with layers' weights. */
    PeftAdapter with(List<SavedModule> layers) {
        return new PeftAdapter(folder, component, type, modules, layers, fields);
    }

    /** The same for a component of the base. */
    PeftAdapter of(Component other) {
        return new PeftAdapter(folder, other, type, modules, saved, fields);
    }

    boolean isDora() {
        return fields.contains(new Field("use_dora", true));
    }

    /** Modules whose factors are of LoRA's shapes only by the layer's kernel, which theirs do not tell. */
    List<PeftModule> flattened() {
        return type != PeftType.LORA
                ? List.of()
                : modules.stream().filter(module -> module.source().flattened()).toList();
    }

    /** All its tensors. */
    public List<PeftTensor> tensors() {
        return Stream.concat(
                        modules.stream().flatMap(module -> module.tensors().stream()),
                        saved.stream().flatMap(module -> module.tensors().stream()))
                .toList();
    }

    /** Size of its tensors. */
    public long bytes() {
        return tensors().stream().mapToLong(PeftTensor::bytes).sum();
    }
}

package io.doraxis.peft;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorInfo;

/**
 * A tensor of an exported adapter.
 *
 * @param name its key in the file
 */
public record PeftTensor(String name, Shape shape, Source source) {
    /** Where its values come from. */
    public sealed interface Source {}

    /** The bytes of a tensor of the adapter, perhaps under another shape. */
    public record Copied(TensorInfo tensor) implements Source {}

    /** A factor of a module's delta weight, computed. */
    public record Computed(AdapterModule module, Side side) implements Source {}

    /** Which factor: {@code lora_B} is the left one, {@code lora_A} the right one. */
    public enum Side {
        LEFT,
        RIGHT
    }

    public Dtype dtype() {
        return source instanceof Copied copied ? copied.tensor().dtype() : Dtype.F32;
    }

    /** Size in bytes. */
    public long bytes() {
        return shape.elements() * dtype().bits() / 8;
    }
}

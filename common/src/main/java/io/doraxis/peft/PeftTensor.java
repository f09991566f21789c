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

    /** Numbers that are computed of a module's factors, and of norms of the base weight with them. */
    public record Computed(AdapterModule module, Value value) implements Source {}

    /** A tensor of the adapter times a number. */
    public record Scaled(TensorInfo tensor, double factor) implements Source {}

    /** One number. */
    public record Number(double value) implements Source {}

    /** A tensor of the base, with what the adapter does to it merged in. */
    public record Merged(TensorInfo tensor) implements Source {}

    /** Numbers of a layer that is only nearly what it was, as they were fitted. */
    public record Fitted(AdapterModule module, Part part) implements Source {}

    /** What is fitted. */
    public enum Part {
        /** [out, rank] */
        LORA_B,
        /** [rank, in * kernel] */
        LORA_A,
        /** One per output. */
        MAGNITUDE
    }

    /** What is computed. */
    public enum Value {
        /** The delta weight's left factor, [out, rank]: {@code lora_B}. */
        LEFT,
        /** The same, times the scale. */
        SCALED_LEFT,
        /** Its right factor, [rank, in * kernel]: {@code lora_A}. */
        RIGHT,
        /** The norms of the direction's rows: a magnitude that changes nothing. */
        ROW_NORMS,
        /** Magnitude over norm, for each row or input. */
        FACTORS,
        /** LyCORIS' IA3, which scales by one more than it stores. */
        ONE_MORE,
        /** Of PEFT's GLoRA W0 + W0 * (a b) + c d, element by element: a, [out, R]. */
        GLORA_A_LEFT,
        /** b, [R, in] */
        GLORA_A_RIGHT,
        /** c, [out, R] */
        GLORA_B_LEFT,
        /** d, [R, in] */
        GLORA_B_RIGHT,
        ZEROS
    }

    public Dtype dtype() {
        if (source instanceof Copied copied) {
            return copied.tensor().dtype();
        }
        return source instanceof Merged merged ? merged.tensor().dtype() : Dtype.F32;
    }

    /** Size in bytes. */
    public long bytes() {
        return shape.elements() * dtype().bits() / 8;
    }
}

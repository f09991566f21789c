package io.doraxis.spark;

import io.doraxis.merge.JavaKernel;
import io.doraxis.merge.ReferenceKernel;
import io.doraxis.merge.TensorKernel;

/** What computes a merge's products. */
public enum KernelChoice {
    /** float32, on the CPU. */
    java,
    /** float64, on the CPU: slow, to check the others. */
    reference;

    TensorKernel open() {
        return switch (this) {
            case java -> new JavaKernel();
            case reference -> new ReferenceKernel();
        };
    }
}

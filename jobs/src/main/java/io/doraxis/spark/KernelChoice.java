package io.doraxis.spark;

import io.doraxis.merge.JavaKernel;
import io.doraxis.merge.ReferenceKernel;
import io.doraxis.merge.TensorKernel;
import io.doraxis.nd4j.DeviceUnavailableException;
import io.doraxis.nd4j.Nd4jBackend;

/** What computes a merge's products on the CPU. */
public enum KernelChoice {
    /** float32, in Java. */
    java,
    /** float32, by ND4J's BLAS. */
    nd4j,
    /** float64, in Java: slow, to check the others. */
    reference;

    TensorKernel open() throws DeviceUnavailableException {
        return switch (this) {
            case java -> new JavaKernel();
            case nd4j -> Nd4jBackend.onCpu();
            case reference -> new ReferenceKernel();
        };
    }
}

package io.doraxis.spark;

import io.doraxis.dora.ModuleAxis;
import io.doraxis.merge.Strength;
import io.doraxis.tensorfile.Dtype;
import java.io.Serializable;
import java.util.List;
import java.util.stream.Collectors;

/**
 * One merge, as it was asked for.
 *
 * @param adapters in the order in which they are merged
 * @param base a model: one file, or a folder or index of several
 * @param output a file if it ends in {@code .safetensors}, else a folder
 * @param settings that all merges of a run share
 */
public record MergeRequest(List<Use> adapters, String base, String output, Settings settings) implements Serializable {
    /** An adapter, a file or PEFT directory, and how much of it. */
    public record Use(String uri, Strength strength) implements Serializable {}

    /**
     * How to merge.
     *
     * @param assumedAxis of magnitudes that an adapter leaves open; null to refuse them
     * @param allowUnmatched whether to go on without what matches nothing in the base
     * @param dtype of all floating tensors of the output; null for the base's own
     * @param maxShardBytes of an output folder's files; null for the base's own files
     * @param device where products are computed
     * @param kernel what computes them where that is the CPU
     */
    public record Settings(
            ModuleAxis assumedAxis,
            boolean allowUnmatched,
            Dtype dtype,
            Long maxShardBytes,
            DeviceChoice device,
            KernelChoice kernel)
            implements Serializable {}

    /** Between the adapters of a row of a plan, and of the merges table. */
    static final String SEPARATOR = ";";

    String adapterNames() {
        return adapters.stream().map(Use::uri).collect(Collectors.joining(SEPARATOR));
    }
}

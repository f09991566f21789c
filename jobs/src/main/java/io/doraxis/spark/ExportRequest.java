package io.doraxis.spark;

import io.doraxis.peft.ExportChoices;
import java.io.Serializable;

/**
 * One export, as it was asked for.
 *
 * @param adapter file or PEFT directory
 * @param base the base model, whose names and weights some adapters need; empty without one
 * @param output directory to write
 */
public record ExportRequest(String adapter, String base, String output, Settings settings) implements Serializable {
    /**
     * How to export.
     *
     * @param allowUnmatched whether to go on without what matches nothing in the base
     * @param verify whether what was written is read again and compared with the source
     * @param device where products are computed
     * @param kernel what computes them where that is the CPU
     */
    public record Settings(
            boolean allowUnmatched, ExportChoices choices, boolean verify, DeviceChoice device, KernelChoice kernel)
            implements Serializable {
        /** The same but for the choices. */
        Settings with(ExportChoices others) {
            return new Settings(allowUnmatched, others, verify, device, kernel);
        }

        /** Of what is computed as merges compute it. */
        MergeRequest.Settings ofMerges() {
            return new MergeRequest.Settings(null, true, null, null, device, kernel);
        }
    }
}

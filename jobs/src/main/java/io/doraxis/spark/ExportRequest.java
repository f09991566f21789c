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
     */
    public record Settings(boolean allowUnmatched, ExportChoices choices, boolean verify) implements Serializable {}
}

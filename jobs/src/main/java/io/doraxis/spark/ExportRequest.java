package io.doraxis.spark;

import java.io.Serializable;

/**
 * One export, as it was asked for.
 *
 * @param adapter file or PEFT directory
 * @param base the base model, whose names and weights some adapters need; empty without one
 * @param output directory to write
 * @param allowUnmatched whether to go on without what matches nothing in the base
 */
public record ExportRequest(String adapter, String base, String output, boolean allowUnmatched)
        implements Serializable {}

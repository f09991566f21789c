package io.doraxis.spark;

import io.doraxis.dora.ModuleAxis;
import io.doraxis.merge.Strength;
import java.io.Serializable;

/**
 * One merge, as it was asked for.
 *
 * @param adapter file or PEFT directory
 * @param base safetensors file of the base model
 * @param output safetensors file to write
 * @param assumedAxis of magnitudes that the adapter leaves open; null to refuse them
 * @param strength how much of the adapter
 * @param allowUnmatched whether to go on without what matches nothing in the base
 */
public record MergeItem(
        String adapter, String base, String output, ModuleAxis assumedAxis, Strength strength, boolean allowUnmatched)
        implements Serializable {}

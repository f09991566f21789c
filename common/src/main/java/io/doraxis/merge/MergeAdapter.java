package io.doraxis.merge;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.tensorfile.TensorIndex;

/**
 * An adapter that is merged, as its header tells.
 *
 * @param config null without an adapter_config.json
 */
public record MergeAdapter(
        TensorIndex file, AdapterIndex index, CheckpointVerdict verdict, PeftConfig config, Strength strength) {}

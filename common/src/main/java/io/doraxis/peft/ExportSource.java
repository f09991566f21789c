package io.doraxis.peft;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;

/**
 * An adapter that is exported, as its header tells.
 *
 * @param config null without an adapter_config.json
 * @param data of its single numbers, at least
 */
public record ExportSource(
        TensorIndex file, AdapterIndex adapter, CheckpointVerdict verdict, PeftConfig config, TensorData data) {}

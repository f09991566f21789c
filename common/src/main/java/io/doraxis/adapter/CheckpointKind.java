package io.doraxis.adapter;

import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.util.List;
import java.util.regex.Pattern;

/** What a tensor file is for. Stored in the audit table: never renamed. */
public enum CheckpointKind {
    ADAPTER,
    /** Weights of a network, or a part of one: UNets, transformers, text encoders, VAEs, shards. */
    MODEL,
    /** Textual inversion. */
    EMBEDDING,
    /** State of a training: an optimizer's, or that of generators of random numbers. */
    OPTIMIZER,
    /** ControlNets, IP-Adapters and what else is neither. */
    OTHER;

    private static final int MOST_EMBEDDINGS = 16;
    private static final List<String> OTHER_NETWORKS = List.of(
            "controlnet_",
            "control_model.",
            "input_hint_block",
            "zero_convs",
            "ip_adapter",
            "image_proj",
            "adapter.body");

    /** What torch's optimizers, and 8-bit ones, keep for each parameter. */
    private static final List<String> OPTIMIZER_STATE =
            List.of(".exp_avg", "exp_avg.", ".exp_inf", ".momentum_buffer", ".square_avg", ".qmap1");

    private static final Pattern EMBEDDING_NAME =
            Pattern.compile("emb_params|clip_[lg]|t5|t5xxl|<[^>]+>|string_to_param\\..*|bundle_emb\\..*");

    /**
     * Tells adapters from everything else by their tensors.
     *
     * @param peftDirectory whether an adapter_config.json lies beside it
     */
    public static CheckpointKind of(TensorIndex index, AdapterIndex adapter, boolean peftDirectory) {
        int tensors = index.tensors().size();
        boolean complete = adapter.modules().stream().anyMatch(AdapterModule::isComplete);
        boolean mostly = (tensors - adapter.unrecognised()) * 2 >= tensors;
        if (complete && (mostly || peftDirectory)) {
            return ADAPTER;
        }
        if (tensors == 0) {
            return OTHER;
        }
        if (anyName(index, OPTIMIZER_STATE) || index.tensors().stream().allMatch(CheckpointKind::isFlatBytes)) {
            return OPTIMIZER;
        }
        if (anyName(index, OTHER_NETWORKS)) {
            return OTHER;
        }
        return tensors <= MOST_EMBEDDINGS && index.tensors().stream().allMatch(CheckpointKind::isEmbedding)
                ? EMBEDDING
                : MODEL;
    }

    private static boolean isEmbedding(TensorInfo tensor) {
        return tensor.shape().rank() <= 2
                && EMBEDDING_NAME.matcher(tensor.name()).matches();
    }

    /** As generators of random numbers keep their state. */
    private static boolean isFlatBytes(TensorInfo tensor) {
        return tensor.dtype() == Dtype.U8 && tensor.shape().rank() == 1;
    }

    private static boolean anyName(TensorIndex index, List<String> parts) {
        for (TensorInfo tensor : index.tensors()) {
            for (String part : parts) {
                if (tensor.name().contains(part)) {
                    return true;
                }
            }
        }
        return false;
    }
}

package io.doraxis.adapter;

import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/** What a tensor file is for. Stored in the audit table: never renamed. */
public enum CheckpointKind {
    ADAPTER,
    /** Weights of a network, or a part of one: UNets, transformers, text encoders, VAEs, shards. */
    MODEL,
    /** Textual inversion. */
    EMBEDDING,
    /** State of a training: optimizer, scheduler, random numbers. */
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
    private static final Pattern TRAINING_FILE =
            Pattern.compile("(optimizer|scheduler|rng_state|random_states|training_args|scaler|optim)[^/]*");
    private static final Pattern EMBEDDING_NAME =
            Pattern.compile("emb_params|clip_[lg]|t5|t5xxl|<[^>]+>|string_to_param\\..*|bundle_emb\\..*");

    /**
     * Tells adapters from everything else by their tensors.
     *
     * @param fileName last part of the file's path
     * @param peftDirectory whether an adapter_config.json lies beside it
     */
    public static CheckpointKind of(TensorIndex index, AdapterIndex adapter, String fileName, boolean peftDirectory) {
        int tensors = index.tensors().size();
        boolean complete = adapter.modules().stream().anyMatch(AdapterModule::isComplete);
        boolean mostly = (tensors - adapter.unrecognised()) * 2 >= tensors;
        if (complete && (mostly || peftDirectory)) {
            return ADAPTER;
        }
        if (TRAINING_FILE.matcher(fileName.toLowerCase(Locale.ROOT)).matches()
                || anyName(index, ".exp_avg", "exp_avg.")) {
            return OPTIMIZER;
        }
        if (tensors == 0 || anyName(index, OTHER_NETWORKS.toArray(String[]::new))) {
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

    private static boolean anyName(TensorIndex index, String... parts) {
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

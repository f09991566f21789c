package io.doraxis.tensorfile;

import java.util.Set;

/** How much of a metadata text is worth keeping: trainers store tag tables and pictures of many megabytes. */
final class MetadataLimits {
    private static final int USUAL = 4 << 10;
    private static final int CLAIMS = 1 << 20;
    private static final int MOST_TEXTS = 1000;

    /** Texts that state how an adapter was made; their length follows the model's, so they may be long. */
    private static final Set<String> CLAIM_KEYS = Set.of(
            "ss_network_args",
            "lora_adapter_metadata",
            "ot_config",
            "ss_network_module",
            "modelspec.architecture",
            "doraxis.rel_errors");

    private MetadataLimits() {}

    /** Whether one more text is kept beside that many: a hostile header holds millions. */
    static boolean keeps(String key, int kept) {
        return kept < MOST_TEXTS || CLAIM_KEYS.contains(key);
    }

    /** Longest value, in bytes, that is kept for that key; a longer one is checked and dropped. */
    static int maxLength(String key) {
        return CLAIM_KEYS.contains(key) ? CLAIMS : USUAL;
    }
}

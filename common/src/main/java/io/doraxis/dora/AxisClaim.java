package io.doraxis.dora;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Algorithm;
import io.doraxis.adapter.MetadataClaims;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** The axis that a file's metadata claims. */
record AxisClaim(CheckpointAxis axis, String source) {
    private static final String LYCORIS = "ss_network_args.wd_on_output";
    private static final String ONETRAINER_LORA = "ot_config.lora_decompose_output_axis";
    private static final String ONETRAINER_LOKR = "ot_config.lokr_dora_on_output";

    /** @param modules of the file: OneTrainer has a switch for each algorithm, and writes both */
    static Optional<AxisClaim> of(MetadataClaims claims, List<AdapterModule> modules) {
        boolean lokr = modules.stream().anyMatch(module -> module.hasDora() && module.algorithm() == Algorithm.LOKR);
        return flag(claims, LYCORIS).or(() -> flag(claims, lokr ? ONETRAINER_LOKR : ONETRAINER_LORA));
    }

    private static Optional<AxisClaim> flag(MetadataClaims claims, String key) {
        return claims.get(key).flatMap(value -> switch (value.toLowerCase(Locale.ROOT)) {
            case "true", "1" -> Optional.of(new AxisClaim(CheckpointAxis.OUTPUT, key));
            case "false", "0" -> Optional.of(new AxisClaim(CheckpointAxis.INPUT, key));
            default -> Optional.<AxisClaim>empty();
        });
    }
}

package io.doraxis.dora;

import io.doraxis.adapter.MetadataClaims;
import java.util.Locale;
import java.util.Optional;

/** The axis that a file's metadata claims. */
record AxisClaim(CheckpointAxis axis, String source) {
    private static final String LYCORIS = "ss_network_args.wd_on_output";
    private static final String ONETRAINER = "ot_config.lora_decompose_output_axis";

    static Optional<AxisClaim> of(MetadataClaims claims) {
        return flag(claims, LYCORIS).or(() -> flag(claims, ONETRAINER));
    }

    private static Optional<AxisClaim> flag(MetadataClaims claims, String key) {
        return claims.get(key).flatMap(value -> switch (value.toLowerCase(Locale.ROOT)) {
            case "true", "1" -> Optional.of(new AxisClaim(CheckpointAxis.OUTPUT, key));
            case "false", "0" -> Optional.of(new AxisClaim(CheckpointAxis.INPUT, key));
            default -> Optional.<AxisClaim>empty();
        });
    }
}

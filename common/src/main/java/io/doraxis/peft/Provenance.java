package io.doraxis.peft;

import java.util.Map;
import java.util.TreeMap;

/**
 * Where an export comes from, as its files say it. No time is part of it: the same export has the same bytes.
 *
 * @param source URI of the adapter's weights
 * @param etag of them; null where the store has none
 * @param base URI of the base model; empty without one
 * @param license of the source as it claims; null where nothing claims one
 * @param baseModel that the source claims to be of; null where it does not say
 */
public record Provenance(
        String source,
        String etag,
        String base,
        String license,
        String baseModel,
        String toolVersion,
        String rulesVersion) {

    /** For a file's header. */
    public Map<String, String> metadata(ExportPlan plan) {
        Map<String, String> metadata = new TreeMap<>(Map.of(
                "format",
                "pt",
                "doraxis.source",
                source,
                "doraxis.version",
                toolVersion,
                "doraxis.rules_version",
                rulesVersion,
                "doraxis.outcome",
                plan.outcome().name(),
                "doraxis.plan",
                plan.summary()));
        if (etag != null) {
            metadata.put("doraxis.source_etag", etag);
        }
        if (!plan.lossy().isEmpty()) {
            metadata.put(LossyErrors.TOTAL, LossyErrors.text(plan.lossy().relativeError()));
            metadata.put(LossyErrors.OF_MODULES, LossyErrors.json(plan.lossy().errors()));
        }
        if (!base.isEmpty()) {
            metadata.put("doraxis.base", base);
        }
        return metadata;
    }
}

package io.doraxis.spark;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.doraxis.catalog.StoredObject;
import io.doraxis.consumer.Outcome;
import io.doraxis.report.Report;
import io.doraxis.store.ObjectStore;
import io.doraxis.store.RunFolder;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The runs of an audit that ended, as their records tell, the oldest first. */
final class AuditRuns {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private AuditRuns() {}

    /**
     * Reads the records.
     *
     * @param upTo the last run to read of; null for all
     * @throws IOException if none ended, or that one did not
     */
    static List<Report.Run> read(ObjectStore store, String audit, String upTo) throws IOException {
        List<Report.Run> runs = new ArrayList<>();
        for (String id : RunFolder.ended(store, audit)) {
            if (upTo == null || id.compareTo(upTo) <= 0) {
                JsonNode record = record(store, RunFolder.record(audit, id));
                if (record.has("objects_listed")) { // an atlas, merges and exports leave records too
                    runs.add(run(record));
                }
            }
        }
        boolean found = !runs.isEmpty()
                && (upTo == null || runs.get(runs.size() - 1).run_id().equals(upTo));
        if (!found) {
            store.status(audit);
            throw new FileNotFoundException(
                    "no run %sof an audit has ended in %s".formatted(upTo == null ? "" : upTo + " ", audit));
        }
        return runs;
    }

    /** A run's record, whatever it is of. */
    static JsonNode record(ObjectStore store, String uri) throws IOException {
        StoredObject file = store.object(uri);
        try (InputStream in = store.reader(file).open(0, file.size())) {
            return MAPPER.readTree(in);
        }
    }

    private static Report.Run run(JsonNode record) {
        Map<String, Long> statuses = counts(record.path("statuses"));
        Map<String, Long> wrong = new TreeMap<>();
        record.path("consumers").properties().forEach(consumer -> {
            long count = consumer.getValue().path(Outcome.SILENTLY_WRONG.name()).asLong();
            if (count > 0) {
                wrong.put(consumer.getKey(), count);
            }
        });
        List<String> inputs = new ArrayList<>();
        record.path("options").path("inputs").forEach(input -> inputs.add(input.asText()));
        if (record.path("options").hasNonNull("manifest")) {
            inputs.add(record.path("options").path("manifest").asText());
        }
        long checkpoints = record.path("checkpoints").asLong();
        long readable = statuses.getOrDefault("OK", 0L) + statuses.getOrDefault("SKIPPED", 0L);
        return new Report.Run(
                record.path("run_id").asText(),
                record.path("started_at").asText(),
                record.path("tool_version").asText(),
                record.path("rules_version").asText(),
                inputs,
                checkpoints,
                record.path("kinds").path("ADAPTER").asLong(),
                checkpoints - readable,
                counts(record.path("axes")),
                wrong);
    }

    private static Map<String, Long> counts(JsonNode object) {
        Map<String, Long> counts = new TreeMap<>();
        object.properties()
                .forEach(entry -> counts.put(entry.getKey(), entry.getValue().asLong()));
        return counts;
    }
}

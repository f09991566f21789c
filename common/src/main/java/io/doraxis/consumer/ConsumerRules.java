package io.doraxis.consumer;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.tensorfile.Reason;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** What is known about the programs that read adapters, as versioned rules over facts of the file. */
public final class ConsumerRules {
    private static final String RESOURCE = "consumers.json";

    /** In a reason: the field of adapter_config.json that is wrong, and what it holds. */
    private static final String FIELD = "FIELD";

    private static final ConsumerRules BUNDLED = load();

    private final String version;
    private final List<Consumer> consumers;

    ConsumerRules(String version, List<Consumer> consumers) {
        this.version = version;
        this.consumers = List.copyOf(consumers);
    }

    /** The rules that come with this version of the program. */
    public static ConsumerRules bundled() {
        return BUNDLED;
    }

    private static ConsumerRules load() {
        try (InputStream json = ConsumerRules.class.getResourceAsStream(RESOURCE)) {
            if (json == null) {
                throw new IllegalStateException(RESOURCE + " is not on the classpath");
            }
            return RulesReader.read(json);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public String version() {
        return version;
    }

    /** Names of the consumers, in the order of the rules file. */
    public List<String> consumers() {
        return consumers.stream().map(Consumer::name).toList();
    }

    /**
     * What each consumer will do with the file, in the order of the rules file.
     *
     * @param index of a file with at least one module: of anything else no consumer makes anything
     * @param config of a PEFT directory; null without one, or where it could not be read
     * @param unread why it could not be read; null otherwise
     */
    public Map<String, Prediction> predict(
            AdapterIndex index, CheckpointVerdict verdict, PeftConfig config, Reason unread) {
        Map<String, Prediction> predictions = new LinkedHashMap<>();
        if (index.modules().isEmpty()) {
            return predictions;
        }
        long[] factSets = FactSets.of(index, verdict, config, unread);
        for (Consumer consumer : consumers) {
            predictions.put(consumer.name(), named(consumer.predict(factSets), index, config));
        }
        return predictions;
    }

    private static Prediction named(Prediction prediction, AdapterIndex index, PeftConfig config) {
        if (!prediction.reason().contains(FIELD)) {
            return prediction;
        }
        String fault = index.modules().stream()
                .map(config::fault)
                .filter(Objects::nonNull)
                .findFirst()
                .orElse("a field of adapter_config.json");
        return new Prediction(prediction.outcome(), prediction.reason().replace(FIELD, fault));
    }
}

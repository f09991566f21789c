package io.doraxis.consumer;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

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

    /** Names of the facts that the rules ask for. */
    public List<String> asked() {
        long bits = 0;
        for (Consumer consumer : consumers) {
            for (Rule rule : consumer.rules()) {
                bits |= rule.required() | rule.forbidden();
            }
        }
        return FileFacts.names(bits);
    }

    /**
     * What each consumer will do with the file, in the order of the rules file.
     *
     * @param facts of a file with at least one module: of anything else no consumer makes anything
     */
    public Map<String, Prediction> predict(FileFacts facts) {
        Map<String, Prediction> predictions = new LinkedHashMap<>();
        if (facts.sets().length == 0) {
            return predictions;
        }
        String fault = facts.fault() == null ? "a field of adapter_config.json" : facts.fault();
        for (Consumer consumer : consumers) {
            predictions.put(consumer.name(), named(consumer.predict(facts.sets()), fault));
        }
        return predictions;
    }

    private static Prediction named(Prediction prediction, String fault) {
        return prediction.reason().contains(FIELD)
                ? new Prediction(prediction.outcome(), prediction.reason().replace(FIELD, fault))
                : prediction;
    }
}

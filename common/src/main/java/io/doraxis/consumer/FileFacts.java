package io.doraxis.consumer;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.tensorfile.Reason;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * All that rules can ask of a file: the distinct sets of facts that hold of its modules. The audit table keeps them by their
 * names, so that other rules can be asked without reading the file again.
 */
public final class FileFacts {
    private static final Map<String, Fact> BY_NAME = new HashMap<>();

    static {
        Stream.of(Fact.values()).forEach(fact -> BY_NAME.put(fact.name(), fact));
    }

    private final long[] sets;
    private final String fault;

    private FileFacts(long[] sets, String fault) {
        this.sets = sets;
        this.fault = fault;
    }

    /**
     * The facts of a file.
     *
     * @param config of a PEFT directory; null without one, or where it could not be read
     * @param unread why it could not be read; null otherwise
     */
    public static FileFacts of(AdapterIndex index, CheckpointVerdict verdict, PeftConfig config, Reason unread) {
        long[] sets = FactSets.of(index, verdict, config, unread);
        boolean faulty =
                config != null && Arrays.stream(sets).anyMatch(set -> (set & Fact.PEFT_CONFIG_INVALID.bit()) != 0);
        String fault = !faulty
                ? null
                : index.modules().stream()
                        .map(config::fault)
                        .filter(Objects::nonNull)
                        .findFirst()
                        .orElse(null);
        return new FileFacts(sets, fault);
    }

    /**
     * The facts that a table keeps; names that are none today are passed over, since no rule asks for them.
     *
     * @param kinds as {@link #kinds()} gave them
     * @param fault null without one
     */
    public static FileFacts stored(List<String> kinds, String fault) {
        long[] sets = kinds.stream()
                .mapToLong(kind -> Stream.of(kind.split(" "))
                        .map(BY_NAME::get)
                        .filter(Objects::nonNull)
                        .mapToLong(Fact::bit)
                        .reduce(0, (some, bit) -> some | bit))
                .toArray();
        return new FileFacts(sets, fault);
    }

    /** The names of all facts that this version looks for. */
    public static List<String> vocabulary() {
        return names(-1);
    }

    static List<String> names(long bits) {
        return Stream.of(Fact.values())
                .filter(fact -> (bits & fact.bit()) != 0)
                .map(Fact::name)
                .toList();
    }

    /** For each kind of module that the file has, the names of the facts that hold of it. */
    public List<String> kinds() {
        return Arrays.stream(sets)
                .mapToObj(set -> names(set).stream().collect(Collectors.joining(" ")))
                .toList();
    }

    /** The field of adapter_config.json that PEFT raises for, and what it holds; null where it does not. */
    public String fault() {
        return fault;
    }

    long[] sets() {
        return sets;
    }
}

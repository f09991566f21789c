package io.doraxis.adapter;

import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A tensor file's names read as an adapter's: its modules and what does not belong to one.
 *
 * @param modules in the order of their names' first occurrence
 * @param unrecognised tensors that belong to no module
 * @param unrecognisedNames the first few of them
 * @param hasUndottedName whether one of them has no dot in its name
 */
public record AdapterIndex(
        List<AdapterModule> modules,
        int unrecognised,
        List<String> unrecognisedNames,
        boolean hasUndottedName,
        MetadataClaims claims) {
    /** What PEFT puts before a module's path. */
    public static final String PEFT_PREFIX = "base_model.model.";

    private static final int NAMES_KEPT = 10;

    /** The same file with its modules known better. */
    public AdapterIndex withModules(List<AdapterModule> known) {
        return new AdapterIndex(known, unrecognised, unrecognisedNames, hasUndottedName, claims);
    }

    /** The same file with what is said of it elsewhere. */
    public AdapterIndex withClaims(Map<String, String> more) {
        return more.isEmpty()
                ? this
                : new AdapterIndex(modules, unrecognised, unrecognisedNames, hasUndottedName, claims.and(more));
    }

    /** A module's path in the base model, as PEFT's patterns see it. */
    public static String peftPath(String module) {
        return module.startsWith(PEFT_PREFIX) ? module.substring(PEFT_PREFIX.length()) : module;
    }

    /**
     * Groups tensors into modules.
     *
     * @param data for the alpha scalars; {@link TensorData#NONE} when only the header is in memory
     * @param config of a PEFT directory; null without one
     */
    public static AdapterIndex of(TensorIndex index, TensorData data, PeftConfig config) {
        MetadataClaims claims = MetadataClaims.of(index.metadata(), config);
        Grouping grouping = new Grouping(index.tensors().size());
        List<String> names = new ArrayList<>();
        int unrecognised = 0;
        boolean undotted = false;
        for (TensorInfo tensor : index.tensors()) {
            if (!grouping.add(tensor)) {
                unrecognised++;
                undotted |= tensor.name().indexOf('.') < 0;
                keep(names, tensor.name());
            }
        }
        ModuleReader reader = new ModuleReader(data, claims, config, DiffusersConfigs.of(index.metadata()));
        List<AdapterModule> modules = new ArrayList<>(grouping.byName.size());
        for (Map.Entry<String, ModuleTensors> entry : grouping.byName.entrySet()) {
            AdapterModule module = reader.read(entry.getKey(), entry.getValue());
            if (module.isComplete() || module.hasDora() || hasFactor(entry.getValue())) {
                modules.add(module);
            } else {
                unrecognised += entry.getValue().count();
                keep(names, entry.getKey());
            }
        }
        return new AdapterIndex(List.copyOf(modules), unrecognised, List.copyOf(names), undotted, claims);
    }

    /**
     * Tensors gathered by their module. Those of a module follow each other, and so do modules with the same suffixes in
     * the same order: the suffix that came next the last time is tried first.
     */
    private static final class Grouping {
        final Map<String, ModuleTensors> byName;
        private final TensorName.Suffix[] next = new TensorName.Suffix[Role.values().length];
        private TensorName.Suffix last;
        private String module;
        private ModuleTensors tensors;

        Grouping(int tensors) {
            byName = new LinkedHashMap<>(1 + tensors / 2);
        }

        /** False for a tensor that belongs to no module. */
        boolean add(TensorInfo tensor) {
            String name = tensor.name();
            TensorName.Suffix suffix = last == null ? null : next[last.role().ordinal()];
            if (suffix != null && suffix.decides(name)) {
                enter(name.substring(0, name.length() - suffix.text().length()));
            } else {
                TensorName parsed = TensorName.parse(name);
                if (parsed == null) {
                    return false;
                }
                suffix = parsed.suffix();
                if (last != null) {
                    next[last.role().ordinal()] = suffix;
                }
                enter(parsed.module());
            }
            tensors.put(suffix, tensor);
            last = suffix;
            return true;
        }

        private void enter(String name) {
            if (!name.equals(module)) {
                module = name;
                tensors = byName.computeIfAbsent(name, key -> new ModuleTensors());
            }
        }
    }

    private static void keep(List<String> names, String name) {
        if (names.size() < NAMES_KEPT) {
            names.add(name);
        }
    }

    private static boolean hasFactor(ModuleTensors tensors) {
        return tensors.hasAny(
                Role.DOWN,
                Role.UP,
                Role.HADA_W1_A,
                Role.HADA_W1_B,
                Role.HADA_W2_A,
                Role.HADA_W2_B,
                Role.LOKR_W1,
                Role.LOKR_W1_A,
                Role.LOKR_W2,
                Role.LOKR_W2_A,
                Role.EMBEDDING_DOWN,
                Role.EMBEDDING_UP);
    }
}

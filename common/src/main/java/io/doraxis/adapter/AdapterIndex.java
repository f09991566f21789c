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
 */
public record AdapterIndex(
        List<AdapterModule> modules, int unrecognised, List<String> unrecognisedNames, MetadataClaims claims) {
    /** What PEFT puts before a module's path. */
    public static final String PEFT_PREFIX = "base_model.model.";

    private static final int NAMES_KEPT = 10;

    /**
     * Groups tensors into modules.
     *
     * @param data for the alpha scalars; {@link TensorData#NONE} when only the header is in memory
     * @param config of a PEFT directory; null without one
     */
    public static AdapterIndex of(TensorIndex index, TensorData data, PeftConfig config) {
        MetadataClaims claims = MetadataClaims.of(index.metadata(), config);
        Map<String, ModuleTensors> byName =
                new LinkedHashMap<>(1 + index.tensors().size() / 2);
        List<String> names = new ArrayList<>();
        int unrecognised = 0;
        String lastName = null;
        ModuleTensors last = null;
        for (TensorInfo tensor : index.tensors()) {
            TensorName.Suffix suffix = last == null ? null : TensorName.within(tensor.name(), lastName);
            if (suffix != null) {
                last.put(suffix, tensor);
                continue;
            }
            TensorName name = TensorName.parse(tensor.name());
            if (name == null) {
                unrecognised++;
                keep(names, tensor.name());
                continue;
            }
            lastName = name.module();
            last = byName.computeIfAbsent(lastName, key -> new ModuleTensors());
            last.put(new TensorName.Suffix(name.role(), name.spelling()), tensor);
        }
        ModuleReader reader = new ModuleReader(data, claims, config);
        List<AdapterModule> modules = new ArrayList<>(byName.size());
        for (Map.Entry<String, ModuleTensors> entry : byName.entrySet()) {
            AdapterModule module = reader.read(entry.getKey(), entry.getValue());
            if (module.isComplete() || module.hasDora() || hasFactor(entry.getValue())) {
                modules.add(module);
            } else {
                unrecognised += entry.getValue().count();
                keep(names, entry.getKey());
            }
        }
        return new AdapterIndex(List.copyOf(modules), unrecognised, List.copyOf(names), claims);
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

package io.doraxis.spark;

import io.doraxis.audit.CheckpointAudit;
import io.doraxis.catalog.FolderGrouping;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.merge.MergePlan;
import io.doraxis.merge.MergePlanner;
import io.doraxis.merge.MergeRefusedException;
import io.doraxis.merge.MergeRefusedException.Code;
import io.doraxis.merge.Strength;
import io.doraxis.naming.Component;
import io.doraxis.naming.ModulePath;
import io.doraxis.peft.BaseModel;
import io.doraxis.peft.TextEncoderNames;
import io.doraxis.peft.TransformersNaming;
import io.doraxis.spark.ExportVerifier.TensorError;
import io.doraxis.store.ObjectStore;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;

/**
 * Compares an export, ours or another program's, with the adapter that it was made of: the weights that both are worth on the
 * same base.
 */
public final class Verification {
    /** Of what is exact: products in float32 are this near, and nearer, by the largest value of a tensor. */
    static final double TOLERANCE = 1e-5;

    /** Folders below an export's: of a component, and of an adapter of several for it. */
    private static final int DEPTH = 2;

    private static final Strength WHOLE = new Strength(1, null);

    private final ObjectStore store;
    private final Request request;

    private Verification(ObjectStore store, Request request) {
        this.store = store;
        this.request = request;
    }

    /**
     * What is compared.
     *
     * @param export a file, a PEFT directory, or a folder with one for each component of the base
     * @param source adapter; null for the one that the export names
     * @param base model; null for the one that the export names
     * @param assumedAxis of magnitudes that the source leaves open; null to refuse them
     */
    public record Request(String export, String source, String base, ModuleAxis assumedAxis) {}

    /**
     * How far off a tensor is.
     *
     * @param relError the largest difference by the largest value
     * @param ofChange the norm of the difference by the norm of what the source changes
     */
    public record Error(String tensor, double relError, double ofChange) {
        /**
         * Whether it is further off than it may be.
         *
         * @param maxError against the change, of a small one of which all may be less than rounding is else; null for rounding
         */
        public boolean isOver(Double maxError) {
            return maxError == null
                    ? !(relError <= TOLERANCE)
                    : !(ofChange <= maxError) && !(relError <= ExportVerifier.ROUNDING);
        }
    }

    /**
     * What was found.
     *
     * @param errors of all tensors that the source changes or the export does, those that are farthest off first
     * @param ofChange of all tensors together
     * @param unmatched names of the source that match nothing in the base: they were not compared
     */
    public record Found(
            String export, String source, String base, List<Error> errors, double ofChange, List<String> unmatched) {}

    /** What an export names of the two that is not given; null where it does not. */
    private record Origins(String source, String base) {}

    /**
     * Compares.
     *
     * @throws MergeRefusedException if the source, the base or the export is not what can be merged
     * @throws IOException if the store refuses or fails
     */
    public static Found of(Configuration configuration, Request request) throws MergeRefusedException, IOException {
        try {
            return new Verification(new ObjectStore(configuration), request).found();
        } catch (IllegalArgumentException e) { // factors that do not fit each other
            throw new MergeRefusedException(Code.SHAPE_MISMATCH, e.getMessage());
        }
    }

    private Found found() throws MergeRefusedException, IOException {
        List<String> adapters = adapters("", DEPTH);
        Origins origins = origins(adapters.isEmpty() ? request.export : place(adapters.get(0)));
        CheckpointAudit source = PreparedMerge.read(store, origins.source, Code.NOT_AN_ADAPTER);
        SharedBase base = base(origins.base);
        TensorIndex weights = base.model().index();
        MergePlan plan = MergePlanner.plan(
                weights,
                List.of(PreparedMerge.adapter(source, new MergeRequest.Use(origins.source, WHOLE))),
                request.assumedAxis,
                true);
        Map<Component, List<String>> written = places(adapters, weights, plan);
        try (Lanes lanes = Lanes.onCpu(Runtime.getRuntime().availableProcessors())) {
            ExportInputs inputs = new ExportInputs(store, source, base);
            List<TensorError> errors = compared(inputs, base.model(), plan, written, lanes);
            return found(origins, errors, plan.unmatched());
        }
    }

    private SharedBase base(String uri) throws MergeRefusedException, IOException {
        try {
            return SharedBase.at(store, uri);
        } catch (ReadCheckpoint.UnreadableException e) {
            throw new MergeRefusedException(Code.UNSUPPORTED_BASE, e.getMessage());
        }
    }

    /** Text encoders' layers may have either transformers' names, whatever the base's are. */
    private List<TensorError> compared(
            ExportInputs inputs, BaseModel base, MergePlan plan, Map<Component, List<String>> written, Lanes lanes)
            throws MergeRefusedException, IOException {
        MergeRefusedException refusal = null;
        for (TransformersNaming naming : TransformersNaming.values()) {
            TextEncoderNames names = new TextEncoderNames(naming, base);
            try {
                return new ExportVerifier(store, inputs, base.index(), names, lanes).compare(plan, written);
            } catch (MergeRefusedException e) {
                if (e.code() != Code.NOTHING_MATCHED) {
                    throw e;
                }
                refusal = refusal == null ? e : refusal;
            }
        }
        throw refusal;
    }

    private Found found(Origins origins, List<TensorError> tensors, List<String> unmatched) {
        double differences = 0;
        double changes = 0;
        for (TensorError each : tensors) {
            differences += each.differenceNorm() * each.differenceNorm();
            changes += each.changeNorm() * each.changeNorm();
        }
        List<Error> errors = tensors.stream()
                .map(each -> new Error(each.tensor(), each.relative(), each.ofChange()))
                .sorted(Comparator.comparingDouble(Error::relError).reversed())
                .toList();
        double ofChange = differences == 0 ? 0 : Math.sqrt(differences / changes);
        return new Found(request.export, origins.source, origins.base, errors, ofChange, unmatched);
    }

    /** What is given, and else what the header of the export says. */
    private Origins origins(String file) throws MergeRefusedException, IOException {
        if (request.source != null && request.base != null) {
            return new Origins(request.source, request.base);
        }
        Map<String, String> said = PreparedMerge.read(store, file, Code.NOT_AN_ADAPTER)
                .contents()
                .index()
                .metadata();
        return new Origins(
                origin(request.source, said.get("doraxis.source"), "--source"),
                origin(request.base, said.get("doraxis.base"), "--base"));
    }

    private String origin(String given, String said, String option) throws IOException {
        if (given == null && said == null) {
            throw new IOException(request.export + " does not say what it was made of: give " + option);
        }
        return given == null ? said : given;
    }

    private String place(String folder) {
        return folder.isEmpty() ? request.export : request.export + "/" + folder;
    }

    /** PEFT's directories below the export, in the order in which they are loaded; none where it is a file. */
    private List<String> adapters(String folder, int depth) throws IOException {
        if (store.isFile(place(folder))) {
            return List.of();
        }
        List<String> names = store.names(place(folder)).stream().sorted().toList();
        if (names.contains(FolderGrouping.PEFT_CONFIG)) {
            return List.of(folder);
        }
        List<String> below = new ArrayList<>();
        for (String name : depth == 0 ? List.<String>of() : names) {
            below.addAll(adapters(folder.isEmpty() ? name : folder + "/" + name, depth - 1));
        }
        return below;
    }

    private static Set<Component> components(TensorIndex base, Predicate<String> tensors) {
        return base.tensors().stream()
                .map(TensorInfo::name)
                .filter(tensors)
                .map(name -> ModulePath.of(name).component())
                .collect(Collectors.toCollection(() -> EnumSet.noneOf(Component.class)));
    }

    /** Where the component that an adapter is for stands in no name, it is the only one that changes. */
    private Map<Component, List<String>> places(List<String> adapters, TensorIndex base, MergePlan plan)
            throws MergeRefusedException {
        if (adapters.isEmpty()) {
            return Map.of(Component.ANY, List.of(request.export));
        }
        Set<Component> known = components(base, name -> true); // one that the source leaves alone must be left alone
        Set<Component> changed = components(base, plan::touches);
        Component only = changed.size() == 1 ? changed.iterator().next() : Component.ANY;
        Map<Component, List<String>> places = new TreeMap<>();
        for (String folder : adapters) {
            Component named = Component.ofFolder(folder.split("/")[0])
                    .filter(known::contains)
                    .orElse(only);
            places.computeIfAbsent(named, key -> new ArrayList<>()).add(place(folder));
        }
        for (Component component : changed) {
            if (!places.containsKey(component) && !places.containsKey(Component.ANY)) {
                throw new MergeRefusedException(
                        Code.NOTHING_MATCHED,
                        "%s holds nothing for %s, which the source changes"
                                .formatted(request.export, component.folder()));
            }
        }
        return places;
    }
}

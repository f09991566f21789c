package io.doraxis.spark;

import static io.doraxis.catalog.FolderGrouping.PEFT_CONFIG;

import io.doraxis.audit.CheckpointAudit;
import io.doraxis.catalog.StoredObject;
import io.doraxis.merge.MergeRefusedException;
import io.doraxis.peft.AdapterConfigJson;
import io.doraxis.peft.ExportPlan;
import io.doraxis.peft.ModelCard;
import io.doraxis.peft.PeftAdapter;
import io.doraxis.peft.Provenance;
import io.doraxis.store.ObjectStore;
import io.doraxis.store.OutputFile;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** The directory that an export writes, and what of it has been written. */
final class ExportOutput {
    private static final String WEIGHTS = "adapter_model.safetensors";
    private static final List<String> ALL_WEIGHTS = List.of(WEIGHTS, "adapter_model.bin");
    private static final int COPY_BYTES = 1 << 20;

    private final ObjectStore store;
    private final String uri;
    private final List<String> digests = new ArrayList<>();
    private long bytes;

    ExportOutput(ObjectStore store, String uri) {
        this.store = store;
        this.uri = uri;
    }

    /** The directory of one adapter. */
    String place(PeftAdapter adapter) {
        return adapter.folder().isEmpty() ? uri : uri + "/" + adapter.folder();
    }

    /** The directories that a plan writes into, as {@link ObjectStore#place} spells them. */
    Set<String> places(ExportPlan plan) {
        Set<String> places = new HashSet<>(Set.of(store.place(uri)));
        plan.adapters().forEach(made -> places.add(store.place(place(made))));
        return places;
    }

    /** Whether all has been written from the same inputs; never of a copy, which keeps its bytes and says nothing. */
    boolean isThere(ExportPlan plan, String digest) {
        List<String> files = new ArrayList<>();
        plan.adapters().forEach(made -> files.add(place(made) + "/" + WEIGHTS));
        if (plan.file() != null) {
            files.add(uri + "/" + plan.file().name());
        }
        return !files.isEmpty() && files.stream().allMatch(file -> MergeOutput.carries(store, file, digest));
    }

    /**
     * Copies an adapter's files.
     *
     * @return bytes read
     */
    long copy(CheckpointAudit adapter) throws IOException {
        long read = 0;
        if (adapter.contents().config() != null) {
            read += copy(adapter.checkpoint().side().orElseThrow(), PEFT_CONFIG);
        }
        StoredObject weights = adapter.contents().parts().get(0).file();
        read += copy(weights, weights.fileName());
        for (String other : ALL_WEIGHTS) {
            if (!other.equals(weights.fileName())) {
                store.delete(uri + "/" + other); // an earlier export's, which PEFT might read in place of these
            }
        }
        return read;
    }

    private long copy(StoredObject from, String name) throws IOException {
        try (OutputFile output = OutputFile.create(store, uri + "/" + name);
                InputStream in = store.reader(from).open(0, from.size())) {
            byte[] buffer = new byte[COPY_BYTES];
            for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
                output.write(buffer, count);
            }
            publish(output);
            return output.bytes();
        }
    }

    /** Removes what an export that was killed has left in the directories of a plan. */
    void removeLeftovers(ExportPlan plan) throws IOException {
        List<String> files = new ArrayList<>(List.of(ModelCard.FILE, PEFT_CONFIG));
        files.addAll(ALL_WEIGHTS);
        if (plan.file() != null) {
            files.add(plan.file().name());
        }
        Set<String> folders = new TreeSet<>(Set.of(uri));
        plan.adapters().forEach(made -> folders.add(place(made)));
        for (String folder : folders) {
            OutputFile.removeLeftovers(store, folder, files);
        }
    }

    /** In the directory itself, and in those below it. */
    void writeCards(ExportPlan plan, Provenance provenance) throws IOException {
        writeText(uri + "/" + ModelCard.FILE, ModelCard.of(plan, provenance));
        for (PeftAdapter made : plan.adapters()) {
            if (!made.folder().isEmpty()) {
                writeText(place(made) + "/" + ModelCard.FILE, ModelCard.of(plan, provenance, made));
            }
        }
    }

    /**
     * Writes adapters, or the one file of another layout. Weights get their names last, and nothing else does before they are
     * computed: what is refused until then leaves an earlier export as it is.
     */
    void write(ExportPlan plan, ExportWriter writer, Provenance provenance, String digest)
            throws IOException, MergeRefusedException {
        Map<String, String> metadata = new TreeMap<>(provenance.metadata(plan));
        metadata.put(MergeOutput.DIGEST, digest);
        for (PeftAdapter made : plan.adapters()) {
            try (OutputFile weights = OutputFile.create(store, place(made) + "/" + WEIGHTS)) {
                writer.write(made, plan, metadata, weights.stream());
                if (made == plan.adapters().get(0)) {
                    removeOtherForm(plan);
                    writeCards(plan, provenance);
                }
                writeText(place(made) + "/" + PEFT_CONFIG, AdapterConfigJson.of(made));
                publish(weights);
            }
        }
        if (plan.file() != null) {
            Map<String, String> all = new TreeMap<>(plan.file().metadata());
            all.putAll(metadata);
            try (OutputFile file =
                    OutputFile.create(store, uri + "/" + plan.file().name())) {
                writer.write(plan, all, file.stream());
                writeCards(plan, provenance);
                publish(file);
            }
        }
    }

    /** An earlier export's one adapter in the directory itself, which PEFT would read in place of those below it. */
    private void removeOtherForm(ExportPlan plan) throws IOException {
        if (plan.adapters().stream().noneMatch(made -> made.folder().isEmpty())) {
            for (String file : ALL_WEIGHTS) {
                store.delete(uri + "/" + file);
            }
            store.delete(uri + "/" + PEFT_CONFIG);
        }
    }

    private void writeText(String place, byte[] text) throws IOException {
        try (OutputFile file = OutputFile.create(store, place)) {
            file.write(text);
            publish(file);
        }
    }

    private void publish(OutputFile file) throws IOException {
        file.publish();
        bytes += file.bytes();
        digests.add(file.digest());
    }

    /** Written so far. */
    long bytes() {
        return bytes;
    }

    /** SHA-256 over the digests of the files that were written; null where none was. */
    String digest() {
        return digests.isEmpty() ? null : PreparedMerge.sha256(String.join("\n", digests));
    }
}

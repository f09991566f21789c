package io.doraxis.spark;

import io.doraxis.audit.CheckpointAudit;
import io.doraxis.audit.CheckpointAudit.Part;
import io.doraxis.catalog.FirstRead;
import io.doraxis.catalog.StoredObject;
import io.doraxis.merge.FactoredDelta;
import io.doraxis.merge.FloatMatrix;
import io.doraxis.merge.Matrix;
import io.doraxis.merge.ZeroRows;
import io.doraxis.naming.BaseNames;
import io.doraxis.peft.AdapterConfigJson;
import io.doraxis.peft.ExportOutcome;
import io.doraxis.peft.ExportPlan;
import io.doraxis.peft.ExportPlanner;
import io.doraxis.peft.PeftAdapter;
import io.doraxis.peft.PeftModule;
import io.doraxis.peft.PeftTensor;
import io.doraxis.spark.ExportResult.Code;
import io.doraxis.store.ObjectStore;
import io.doraxis.store.OutputFile;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.FloatEncoder;
import io.doraxis.tensorfile.MalformedTensorFileException;
import io.doraxis.tensorfile.SafetensorsReader;
import io.doraxis.tensorfile.SafetensorsWriter;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;

/**
 * One export from its request to its result: a directory in PEFT's layout, or one for each component. The weights are
 * written last, so that a directory with weights is whole.
 */
final class OneExport {
    private static final String WEIGHTS = "adapter_model.safetensors";
    private static final String CONFIG = "adapter_config.json";
    private static final String DIGEST = "doraxis.input_digest";
    private static final int COPY_BYTES = 1 << 20;

    private final ObjectStore store;
    private final ExportRequest request;
    private final String toolVersion;
    private final Map<String, Double> seconds = new LinkedHashMap<>();
    private final List<String> digests = new ArrayList<>();
    private long bytesRead;
    private long bytesWritten;
    private int copied;
    private int computed;

    OneExport(ObjectStore store, ExportRequest request, String toolVersion) {
        this.store = store;
        this.request = request;
        this.toolVersion = toolVersion;
    }

    private static final class Refusal extends Exception {
        private static final long serialVersionUID = 1;
        private final Code code;

        Refusal(Code code, String message) {
            super(message, null, false, false);
            this.code = code;
        }
    }

    /** Exports, or says why not: nothing is thrown for what is wrong with a file, the store or the request. */
    ExportResult run() {
        try {
            return export();
        } catch (Refusal e) {
            return ExportResult.refused(request, e.code, e.getMessage());
        } catch (IOException e) {
            return ExportResult.failed(request, e);
        }
    }

    private ExportResult export() throws Refusal, IOException {
        long started = System.nanoTime();
        if (request.adapter().isBlank() || request.output().isBlank()) {
            throw new Refusal(Code.INCOMPLETE_ROW, "adapter and output are both needed");
        }
        CheckpointAudit adapter = read(request.adapter(), true, Code.NOT_AN_ADAPTER);
        if (adapter.adapter() == null || adapter.contents().parts().size() != 1) {
            throw new Refusal(Code.NOT_AN_ADAPTER, request.adapter() + " is no adapter in one file");
        }
        requireApart(adapter);
        CheckpointAudit base = request.base().isBlank() ? null : read(request.base(), false, Code.UNSUPPORTED_BASE);
        ExportPlan plan = ExportPlanner.plan(
                adapter.contents().index(),
                adapter.adapter().index(),
                adapter.adapter().verdict(),
                adapter.contents().config(),
                base == null ? null : BaseNames.of(base.contents().index().tensors()));
        requireExpressible(plan);
        String digest = digest(adapter, base);
        List<String> warnings = warnings(plan);
        if (isThere(plan, digest)) {
            return result(MergeResult.Status.UP_TO_DATE, plan, digest, warnings);
        }
        seconds.put("plan", since(started));
        long writing = System.nanoTime();
        if (plan.outcome() == ExportOutcome.NOT_NEEDED) {
            copy(adapter);
        } else {
            TensorData data = all(adapter.contents().parts().get(0).file());
            if (base != null) {
                requireNoZeroNorm(plan, base, data);
            }
            for (PeftAdapter made : plan.adapters()) {
                write(made, data, digest);
            }
        }
        seconds.put("write", since(writing));
        return result(MergeResult.Status.DONE, plan, digest, warnings);
    }

    private static double since(long started) {
        return (System.nanoTime() - started) / 1e9;
    }

    private CheckpointAudit read(String path, boolean scalars, Code refusal) throws Refusal, IOException {
        try {
            CheckpointAudit audit = ReadCheckpoint.read(store, path, scalars);
            bytesRead += audit.reading().bytesRead();
            return audit;
        } catch (ReadCheckpoint.UnreadableException e) {
            throw new Refusal(refusal, e.getMessage());
        }
    }

    /** What is read must not be replaced while it is. */
    private void requireApart(CheckpointAudit adapter) throws Refusal, IOException {
        String output = store.qualified(request.output());
        for (StoredObject file : adapter.checkpoint().weights()) {
            if (file.uri().equals(output) || file.directory().equals(output)) {
                throw new Refusal(
                        Code.UNSUPPORTED_OUTPUT, request.output() + " is read for this export; write to another place");
            }
        }
    }

    private void requireExpressible(ExportPlan plan) throws Refusal {
        switch (plan.outcome()) {
            case EXACT, NOT_NEEDED -> {
                if (!plan.unmatched().isEmpty() && !request.allowUnmatched()) {
                    throw new Refusal(
                            Code.UNMATCHED,
                            "%d names have no place, such as %s; --allow-unmatched leaves them out"
                                    .formatted(
                                            plan.unmatched().size(),
                                            plan.unmatched().get(0)));
                }
            }
            case EXACT_WITH_BASE -> throw new Refusal(Code.NEEDS_BASE_WEIGHTS, plan.reason());
            case LOSSY, IMPOSSIBLE -> throw new Refusal(Code.NOT_EXPRESSIBLE, plan.reason());
        }
    }

    private static List<String> warnings(ExportPlan plan) {
        return plan.unmatched().isEmpty()
                ? List.of()
                : List.of(plan.unmatched().size() + " names are left out, such as "
                        + plan.unmatched().get(0));
    }

    private String digest(CheckpointAudit adapter, CheckpointAudit base) {
        StringBuilder input = new StringBuilder(toolVersion).append(request.allowUnmatched());
        adapter.checkpoint().weights().forEach(file -> input.append('\n').append(file));
        adapter.checkpoint().side().ifPresent(file -> input.append('\n').append(file));
        if (base != null) {
            base.checkpoint().weights().forEach(file -> input.append('\n').append(file));
        }
        return PreparedMerge.sha256(input.toString());
    }

    private String place(String folder, String file) {
        return request.output() + (folder.isEmpty() ? "/" : "/" + folder + "/") + file;
    }

    /** Copies of adapters keep their bytes, and so cannot be told from others: they are made again. */
    private boolean isThere(ExportPlan plan, String digest) {
        for (PeftAdapter made : plan.adapters()) {
            try {
                StoredObject output = store.object(place(made.folder(), WEIGHTS));
                byte[] head = store.head(output, FirstRead.ofWeights(output));
                String found = SafetensorsReader.read(store.reader(output), head, head.length)
                        .metadata()
                        .get(DIGEST);
                if (!digest.equals(found)) {
                    return false;
                }
            } catch (IOException | MalformedTensorFileException e) {
                return false; // there is none yet, or another
            }
        }
        return !plan.adapters().isEmpty();
    }

    private void copy(CheckpointAudit adapter) throws IOException {
        StoredObject config = adapter.checkpoint().side().orElseThrow();
        StoredObject weights = adapter.contents().parts().get(0).file();
        copy(config, place("", CONFIG));
        copy(weights, place("", weights.fileName()));
        copied = adapter.contents().index().tensors().size();
    }

    private void copy(StoredObject from, String place) throws IOException {
        try (OutputFile output = OutputFile.create(store, place);
                InputStream in = store.reader(from).open(0, from.size())) {
            byte[] buffer = new byte[COPY_BYTES];
            for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
                output.write(buffer, count);
                bytesRead += count;
            }
            output.publish();
            wrote(output);
        }
    }

    private void wrote(OutputFile output) {
        bytesWritten += output.bytes();
        digests.add(output.digest());
    }

    private TensorData all(StoredObject file) throws IOException {
        byte[] bytes = new byte[Math.toIntExact(file.size())];
        try (InputStream in = store.reader(file).open(0, file.size())) {
            if (in.readNBytes(bytes, 0, bytes.length) < bytes.length) {
                throw new IOException(file.uri() + " ends early");
            }
        }
        bytesRead += bytes.length;
        return TensorData.ofHead(bytes, bytes.length);
    }

    /** PEFT divides by the norms of the base weight with the delta; LyCORIS adds a little first. */
    private void requireNoZeroNorm(ExportPlan plan, CheckpointAudit base, TensorData data) throws Refusal, IOException {
        Map<String, Part> parts = new HashMap<>();
        for (Part part : base.contents().parts()) {
            part.index().tensors().forEach(tensor -> parts.put(ModuleKey.of(tensor.name()), part));
        }
        for (PeftAdapter adapter : plan.adapters()) {
            for (PeftModule module : adapter.modules()) {
                String key = ModuleKey.of(module.path() + ".weight");
                if (module.source().hasDora() && parts.containsKey(key)) {
                    requireNoZeroNorm(module, parts.get(key), key, data);
                }
            }
        }
    }

    private void requireNoZeroNorm(PeftModule module, Part part, String key, TensorData data)
            throws Refusal, IOException {
        TensorInfo weight = part.index().tensors().stream()
                .filter(tensor -> ModuleKey.of(tensor.name()).equals(key))
                .findFirst()
                .orElseThrow();
        ByteBuffer stored = store.tensors(part.file(), List.of(weight))
                .bytes(weight)
                .orElseThrow(() -> new IOException("cannot read " + weight.name() + " of the base"));
        bytesRead += weight.bytes();
        float[] values = new float[Math.toIntExact(weight.shape().elements())];
        FloatDecoder.decode(weight.dtype(), stored, values, values.length);
        int rows = Math.toIntExact(weight.shape().dimOrOne(0));
        OptionalInt zero =
                ZeroRows.first(module.source(), new FloatMatrix(values, rows, values.length / Math.max(1, rows)), data);
        if (zero.isPresent()) {
            throw new Refusal(
                    Code.ZERO_NORM,
                    "%s: row %d of the base weight with the delta is zero, and PEFT divides by its norm"
                            .formatted(module.path(), zero.getAsInt()));
        }
    }

    private void write(PeftAdapter adapter, TensorData data, String digest) throws IOException {
        try (OutputFile config = OutputFile.create(store, place(adapter.folder(), CONFIG))) {
            config.write(AdapterConfigJson.of(adapter));
            config.publish();
            wrote(config);
        }
        List<SafetensorsWriter.Tensor> tensors = new ArrayList<>();
        for (PeftModule module : adapter.modules()) {
            FactoredDelta factored = null;
            for (PeftTensor tensor : module.tensors()) {
                if (tensor.source() instanceof PeftTensor.Computed && factored == null) {
                    factored = FactoredDelta.of(module.source(), data);
                }
                tensors.add(new SafetensorsWriter.Tensor(
                        tensor.name(), tensor.dtype(), tensor.shape(), bytes(tensor, factored, data)));
            }
        }
        Map<String, String> metadata = new TreeMap<>(Map.of(
                "format", "pt", DIGEST, digest, "doraxis.source", request.adapter(), "doraxis.version", toolVersion));
        try (OutputFile weights = OutputFile.create(store, place(adapter.folder(), WEIGHTS))) {
            SafetensorsWriter.write(weights.stream(), tensors, metadata);
            weights.publish();
            wrote(weights);
        }
    }

    private byte[] bytes(PeftTensor tensor, FactoredDelta factored, TensorData data) throws IOException {
        if (tensor.source() instanceof PeftTensor.Computed side) {
            computed++;
            Matrix matrix = side.side() == PeftTensor.Side.LEFT ? factored.left() : factored.right();
            ByteBuffer encoded =
                    ByteBuffer.allocate(Math.toIntExact(tensor.bytes())).order(ByteOrder.LITTLE_ENDIAN);
            FloatEncoder.encode(Dtype.F32, matrix.values(), encoded);
            return encoded.array();
        }
        copied++;
        TensorInfo source = ((PeftTensor.Copied) tensor.source()).tensor();
        ByteBuffer stored = data.bytes(source)
                .orElseThrow(() -> new IOException("the values of " + source.name() + " are not there"));
        byte[] bytes = new byte[stored.remaining()];
        stored.get(bytes);
        return bytes;
    }

    private ExportResult result(MergeResult.Status status, ExportPlan plan, String inputDigest, List<String> warnings) {
        Map<String, Integer> modules = new TreeMap<>();
        Set<String> counted = new HashSet<>();
        for (PeftAdapter adapter : plan.adapters()) {
            for (PeftModule module : adapter.modules()) {
                String became = module.source().algorithm() + " -> " + adapter.type()
                        + (module.source().hasDora() ? " DoRA" : "");
                if (counted.add(adapter.folder() + module.path())) {
                    modules.merge(became, 1, Integer::sum);
                }
            }
        }
        return new ExportResult(
                request,
                status,
                null,
                status == MergeResult.Status.DONE ? plan.reason() : null,
                modules,
                computed,
                copied,
                bytesRead,
                bytesWritten,
                inputDigest,
                digests.isEmpty() ? null : PreparedMerge.sha256(String.join("\n", digests)),
                warnings,
                seconds);
    }

    /** A base weight's name without its component. */
    private static final class ModuleKey {
        static String of(String name) {
            return io.doraxis.naming.ModulePath.localName(name);
        }
    }
}

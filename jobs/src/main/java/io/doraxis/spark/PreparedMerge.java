package io.doraxis.spark;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.audit.CheckpointAudit;
import io.doraxis.audit.CheckpointAudit.Part;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.catalog.StoredObject;
import io.doraxis.merge.MergeAdapter;
import io.doraxis.merge.MergePlan;
import io.doraxis.merge.MergePlanner;
import io.doraxis.merge.MergeRefusedException;
import io.doraxis.merge.MergeRefusedException.Code;
import io.doraxis.merge.OutputShard;
import io.doraxis.merge.OutputTensor;
import io.doraxis.store.ObjectStore;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.FloatEncoder;
import io.doraxis.tensorfile.SafetensorsReader;
import io.doraxis.tensorfile.StoreException;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * A merge before any number is computed: everything that can be known from the headers is known, and what will be written
 * is laid out.
 *
 * @param adapters their weight files, in the order in which they are merged
 * @param base its weight files
 * @param output what is written, and where
 * @param metadata of each of its files
 * @param bytesRead for all that
 */
record PreparedMerge(
        MergeRequest request,
        MergePlan plan,
        List<StoredObject> adapters,
        List<StoredObject> base,
        MergeOutput output,
        Map<String, String> metadata,
        long bytesRead) {
    /** What stands for bytes that are no text. */
    private static final char REPLACED = '\ufffd';

    private static final Pattern OTHER_FORMAT = Pattern.compile(".*\\.(?i:bin|pt|pth|ckpt|sft|gguf|onnx|json)");

    /**
     * Reads the headers and plans.
     *
     * @throws MergeRefusedException if it cannot be done as asked
     * @throws StoreException if the store refuses or fails
     */
    static PreparedMerge of(ObjectStore store, MergeRequest request, String toolVersion)
            throws MergeRefusedException, IOException {
        requireComplete(request);
        List<MergeAdapter> adapters = new ArrayList<>();
        List<Checkpoint> inputs = new ArrayList<>();
        long bytesRead = 0;
        for (MergeRequest.Use use : request.adapters()) {
            CheckpointAudit audit = read(store, use.uri(), Code.NOT_AN_ADAPTER);
            adapters.add(adapter(audit, use));
            inputs.add(audit.checkpoint());
            bytesRead += audit.reading().bytesRead();
        }
        CheckpointAudit base = read(store, request.base(), Code.UNSUPPORTED_BASE);
        inputs.add(base.checkpoint());
        requireApart(store, request.output(), inputs);
        MergePlan plan = MergePlanner.plan(
                base.contents().index(),
                adapters,
                request.settings().assumedAxis(),
                request.settings().allowUnmatched());
        String digest = digest(toolVersion, request, inputs);
        MergeOutput output = new MergeOutput(request.output(), shards(request, base), digest);
        requireWritable(plan, output.shards());
        Map<String, String> metadata = new TreeMap<>(base.contents().index().metadata());
        metadata.putIfAbsent("format", "pt");
        metadata.put(MergeOutput.DIGEST, digest);
        return new PreparedMerge(
                request,
                plan,
                inputs.subList(0, adapters.size()).stream()
                        .map(checkpoint -> checkpoint.weights().get(0))
                        .toList(),
                base.contents().parts().stream().map(Part::file).toList(),
                output,
                metadata,
                bytesRead + base.reading().bytesRead());
    }

    private static void requireComplete(MergeRequest request) throws MergeRefusedException {
        boolean blank = request.adapters().isEmpty()
                || request.base().isBlank()
                || request.output().isBlank();
        for (MergeRequest.Use use : request.adapters()) {
            blank |= use.uri().isBlank();
            if (!Double.isFinite(use.strength().value())) {
                throw new MergeRefusedException(
                        Code.INCOMPLETE_ROW, "the strength is no number, or there is not one for each adapter");
            }
        }
        if (blank) {
            throw new MergeRefusedException(Code.INCOMPLETE_ROW, "adapter, base and output are all needed");
        }
        if (request.output().indexOf(REPLACED) >= 0) {
            throw new MergeRefusedException(Code.INCOMPLETE_ROW, "the plan is not in UTF-8: " + request.output());
        }
        if (OTHER_FORMAT.matcher(request.output()).matches()) {
            throw new MergeRefusedException(
                    Code.UNSUPPORTED_OUTPUT,
                    request.output() + ": what is written is " + MergeOutput.EXTENSION + ", or a folder of such files");
        }
    }

    /** @param refusal where it cannot be worked with */
    static CheckpointAudit read(ObjectStore store, String path, Code refusal)
            throws MergeRefusedException, IOException {
        try {
            return ReadCheckpoint.read(store, path, refusal == Code.NOT_AN_ADAPTER);
        } catch (ReadCheckpoint.UnreadableException e) {
            throw new MergeRefusedException(refusal, e.getMessage());
        }
    }

    /** An adapter as it is merged. */
    static MergeAdapter adapter(CheckpointAudit audit, MergeRequest.Use use) throws MergeRefusedException {
        if (audit.adapter() == null) {
            throw new MergeRefusedException(
                    Code.NOT_AN_ADAPTER, use.uri() + " is " + audit.contents().kind() + ", no adapter");
        }
        if (audit.contents().parts().size() != 1) {
            throw new MergeRefusedException(
                    Code.NOT_AN_ADAPTER, use.uri() + ": an adapter in several files is not merged");
        }
        for (TensorInfo tensor : audit.contents().index().tensors()) {
            if (tensor.begin() == TensorInfo.NOWHERE) {
                throw new MergeRefusedException(
                        Code.NOT_AN_ADAPTER, use.uri() + ": where the data of " + tensor.name() + " lie is not known");
            }
        }
        return new MergeAdapter(
                audit.contents().index(),
                audit.adapter().index(),
                audit.adapter().verdict(),
                audit.contents().config(),
                use.strength());
    }

    /** What is read must not be replaced while it is, nor lost. */
    private static void requireApart(ObjectStore store, String output, List<Checkpoint> inputs)
            throws MergeRefusedException, IOException {
        Set<String> place = Set.of(store.place(output));
        for (Checkpoint input : inputs) {
            for (StoredObject file : input.weights()) {
                if (store.isAmong(place, file)) {
                    throw new MergeRefusedException(
                            Code.UNSUPPORTED_OUTPUT, output + " is read for this merge; write to another place");
                }
            }
        }
    }

    private static List<OutputShard> shards(MergeRequest request, CheckpointAudit base) throws MergeRefusedException {
        List<List<OutputTensor>> files = new ArrayList<>();
        for (Part part : base.contents().parts()) {
            List<TensorInfo> tensors = new ArrayList<>(part.index().tensors());
            tensors.sort(Comparator.comparingLong(TensorInfo::begin).thenComparingLong(TensorInfo::end));
            int file = files.size();
            files.add(tensors.stream()
                    .map(tensor -> new OutputTensor(
                            file,
                            tensor,
                            dtype(tensor.dtype(), request.settings().dtype())))
                    .toList());
        }
        String output = request.output();
        if (output.endsWith(MergeOutput.EXTENSION)) {
            return OutputShard.single(output.substring(output.lastIndexOf('/') + 1), files);
        }
        List<String> names = base.contents().parts().stream()
                .map(part -> part.file().fileName())
                .toList();
        Long max = request.settings().maxShardBytes();
        return max != null ? OutputShard.upTo(max, names, files) : OutputShard.asBase(names, files);
    }

    /** Only floating tensors become another type. */
    private static Dtype dtype(Dtype own, Dtype wanted) {
        return wanted != null && FloatDecoder.decodes(own) ? wanted : own;
    }

    private static void requireWritable(MergePlan plan, List<OutputShard> shards) throws MergeRefusedException {
        for (OutputShard shard : shards) {
            for (OutputTensor tensor : shard.tensors()) {
                TensorInfo source = tensor.source();
                if (source.name().equals(SafetensorsReader.METADATA)
                        || source.name().indexOf(REPLACED) >= 0) {
                    throw new MergeRefusedException(
                            Code.UNSUPPORTED_BASE, "no safetensors file has a tensor of the name " + source.name());
                }
                if (source.begin() == TensorInfo.NOWHERE) {
                    throw new MergeRefusedException(
                            Code.UNSUPPORTED_BASE, "where the data of " + source.name() + " lie is not known");
                }
                if (plan.touches(source.name())
                        && !(FloatDecoder.decodes(source.dtype()) && FloatEncoder.encodes(tensor.dtype()))) {
                    throw new MergeRefusedException(
                            Code.UNSUPPORTED_BASE,
                            source.name() + " is of type " + source.dtype() + ", which is not written");
                }
                TensorMerge.requireFits(plan, tensor);
            }
        }
    }

    /** What the output depends on: files as the store tells them apart, and the request. */
    private static String digest(String toolVersion, MergeRequest request, List<Checkpoint> inputs) {
        StringBuilder input = new StringBuilder(toolVersion);
        for (Checkpoint checkpoint : inputs) {
            checkpoint.weights().forEach(file -> input.append('\n').append(file));
            checkpoint.side().ifPresent(file -> input.append('\n').append(file));
        }
        request.adapters().forEach(use -> input.append('\n').append(use.strength()));
        input.append('\n').append(request.settings());
        return sha256(input.toString());
    }

    static String sha256(String text) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Of all tensors of the base. */
    long baseBytes() {
        return output.shards().stream()
                .flatMap(shard -> shard.tensors().stream())
                .mapToLong(tensor -> tensor.source().bytes())
                .sum();
    }

    /** About what a shard costs: bytes to copy, and those to compute count four times. */
    long cost(OutputShard shard) {
        return shard.tensors().stream()
                .mapToLong(tensor ->
                        tensor.source().bytes() * (plan.touches(tensor.source().name()) ? 4 : 1))
                .sum();
    }

    /** Modules merged, by algorithm. */
    Map<String, Integer> modules() {
        Map<String, Integer> modules = new TreeMap<>();
        plan.weights()
                .values()
                .forEach(steps -> steps.forEach(step -> modules.merge(described(step.module()), 1, Integer::sum)));
        return modules;
    }

    private static String described(AdapterModule module) {
        return module.hasDora()
                ? module.algorithm() + " DoRA"
                : module.algorithm().name();
    }
}

package io.doraxis.spark;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.audit.CheckpointAudit;
import io.doraxis.audit.CheckpointAuditor;
import io.doraxis.audit.CheckpointAuditor.ValueSource;
import io.doraxis.audit.CheckpointAuditor.Values;
import io.doraxis.audit.Status;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.catalog.FirstRead;
import io.doraxis.catalog.StoredObject;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.merge.Matrix;
import io.doraxis.merge.MergePlan;
import io.doraxis.merge.MergePlan.Step;
import io.doraxis.merge.MergePlanner;
import io.doraxis.merge.MergeRefusedException;
import io.doraxis.merge.MergeRefusedException.Code;
import io.doraxis.store.CheckpointFinder;
import io.doraxis.store.Fetcher;
import io.doraxis.store.ObjectStore;
import io.doraxis.store.OutputFile;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.FloatEncoder;
import io.doraxis.tensorfile.MalformedTensorFileException;
import io.doraxis.tensorfile.SafetensorsReader;
import io.doraxis.tensorfile.SafetensorsWriter;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Merges one adapter into one base file: the base is read once from front to back, a tensor at a time; what the adapter
 * does not touch is copied byte for byte.
 */
final class MergeFile {
    static final String KERNEL = "java-float64";
    private static final String DIGEST = "doraxis.input_digest";
    private static final String EXTENSION = ".safetensors";
    private static final int COPY_BYTES = 1 << 20;

    /** Of a weight that changes: the stored bytes, a float and up to five doubles at a time. */
    private static final long BYTES_PER_ELEMENT = 48;

    private final ObjectStore store;
    private final MergeItem item;
    private final String toolVersion;
    private final Map<String, Double> seconds = new LinkedHashMap<>();
    private long bytesRead;
    private double maxChange;

    MergeFile(ObjectStore store, MergeItem item, String toolVersion) {
        this.store = store;
        this.item = item;
        this.toolVersion = toolVersion;
    }

    /** Merges, or says why not: nothing is thrown for what is wrong with a file, the store or the request. */
    MergeResult run() {
        try {
            return merge();
        } catch (MergeRefusedException e) {
            return MergeResult.without(
                    item, MergeResult.Status.REFUSED, e.code().name(), e.getMessage());
        } catch (IOException e) {
            return MergeResult.without(item, MergeResult.Status.FAILED, "STORE", said(e));
        } catch (RuntimeException e) {
            // our mistake about a strange file: it must not take the other merges with it
            return MergeResult.without(item, MergeResult.Status.FAILED, "INTERNAL", e.toString());
        }
    }

    private static String said(IOException e) {
        return e.getMessage() == null ? e.toString() : e.getMessage();
    }

    private MergeResult merge() throws MergeRefusedException, IOException {
        long started = System.nanoTime();
        checkRequest();
        CheckpointAudit adapter = read(find(item.adapter(), Code.NOT_AN_ADAPTER), Code.NOT_AN_ADAPTER);
        if (adapter.adapter() == null) {
            throw new MergeRefusedException(
                    Code.NOT_AN_ADAPTER,
                    item.adapter() + " is " + adapter.contents().kind() + ", no adapter");
        }
        CheckpointAudit base = read(find(item.base(), Code.UNSUPPORTED_BASE), Code.UNSUPPORTED_BASE);
        if (base.checkpoint().form() != Checkpoint.Form.FILE
                || !base.reading().container().equals("SAFETENSORS")) {
            throw new MergeRefusedException(
                    Code.UNSUPPORTED_BASE, item.base() + ": only a single safetensors file is merged into so far");
        }
        checkApart(adapter.checkpoint(), base.checkpoint());
        MergePlan plan = MergePlanner.plan(
                base.contents().index(),
                adapter.contents().index(),
                adapter.adapter().index(),
                adapter.adapter().verdict(),
                adapter.contents().config(),
                item.assumedAxis(),
                item.allowUnmatched(),
                item.strength());
        String inputDigest = inputDigest(adapter.checkpoint(), base.checkpoint());
        seconds.put("plan", since(started));
        if (inputDigest.equals(digestOfOutput())) {
            return result(MergeResult.Status.UP_TO_DATE, plan, base, inputDigest, null);
        }
        check(plan, base);
        long merging = System.nanoTime();
        OutputFile output = OutputFile.create(store, item.output());
        try {
            write(output, plan, base, adapter.checkpoint().weights().get(0), inputDigest);
            seconds.put("merge", since(merging));
            long publishing = System.nanoTime();
            output.publish();
            seconds.put("publish", since(publishing));
        } catch (IllegalArgumentException e) {
            throw new MergeRefusedException(Code.SHAPE_MISMATCH, e.getMessage());
        } finally {
            output.close();
        }
        return result(MergeResult.Status.DONE, plan, base, inputDigest, output);
    }

    private void checkRequest() throws MergeRefusedException {
        if (item.adapter().isBlank() || item.base().isBlank() || item.output().isBlank()) {
            throw new MergeRefusedException(Code.INCOMPLETE_ROW, "adapter, base and output are all needed");
        }
        if (!Double.isFinite(item.strength().value())) {
            throw new MergeRefusedException(Code.INCOMPLETE_ROW, "the strength is no number");
        }
        if (!item.output().endsWith(EXTENSION)) {
            throw new MergeRefusedException(
                    Code.UNSUPPORTED_OUTPUT,
                    item.output() + ": only a single " + EXTENSION + " file is written so far");
        }
    }

    /** What is read must not be replaced while it is, nor lost. */
    private void checkApart(Checkpoint adapter, Checkpoint base) throws MergeRefusedException, IOException {
        String output = store.qualified(item.output());
        for (Checkpoint input : List.of(adapter, base)) {
            for (StoredObject file : input.weights()) {
                if (file.uri().equals(output)) {
                    throw new MergeRefusedException(
                            Code.UNSUPPORTED_OUTPUT, item.output() + " is read for this merge; write to another file");
                }
            }
        }
    }

    private Checkpoint find(String path, Code refusal) throws MergeRefusedException, IOException {
        try {
            return CheckpointFinder.find(store, path);
        } catch (IllegalArgumentException e) {
            throw new MergeRefusedException(refusal, e.getMessage());
        }
    }

    private CheckpointAudit read(Checkpoint checkpoint, Code refusal) throws MergeRefusedException {
        Fetcher.Fetched fetched = new Fetcher(store).fetch(checkpoint);
        ValueSource values = (file, index) -> {
            List<TensorInfo> scalars = index.tensors().stream()
                    .filter(tensor -> tensor.shape().elements() == 1)
                    .toList();
            return file.isWhole() || scalars.isEmpty()
                    ? ValueSource.IN_HAND.of(file, index)
                    : new Values(store.tensors(file.object(), scalars), 1, 0);
        };
        CheckpointAudit audit = new CheckpointAuditor(ConsumerRules.bundled())
                .audit(checkpoint, fetched.weights(), fetched.side(), values);
        bytesRead += audit.reading().bytesRead();
        if (audit.contents() == null || audit.reading().status() != Status.OK) {
            throw new MergeRefusedException(refusal, audit.reading().message());
        }
        return audit;
    }

    /** A base's tensors in the order of their data. */
    private static List<TensorInfo> inOrder(TensorIndex base) {
        List<TensorInfo> tensors = new ArrayList<>(base.tensors());
        tensors.sort(Comparator.comparingLong(TensorInfo::begin).thenComparingLong(TensorInfo::end));
        return tensors;
    }

    /**
     * The base's tensors must follow each other, as they do unless a name comes twice; those that change must be of a
     * type that can be written, and fit into memory.
     */
    private static void check(MergePlan plan, CheckpointAudit audit) throws MergeRefusedException {
        TensorIndex base = audit.contents().index();
        long at = base.dataStart();
        for (TensorInfo tensor : inOrder(base)) {
            if (tensor.begin() != at) {
                throw new MergeRefusedException(
                        Code.UNSUPPORTED_BASE, "bytes " + at + " to " + tensor.begin() + " belong to no tensor");
            }
            at = tensor.end();
        }
        if (at != audit.checkpoint().weights().get(0).size()) {
            throw new MergeRefusedException(Code.UNSUPPORTED_BASE, "bytes from " + at + " on belong to no tensor");
        }
        for (TensorInfo tensor : base.tensors()) {
            boolean changes = plan.touches(tensor.name());
            if (changes && !FloatEncoder.encodes(tensor.dtype())) {
                throw new MergeRefusedException(
                        Code.UNSUPPORTED_BASE,
                        tensor.name() + " is of type " + tensor.dtype() + ", which is not written");
            }
            long needed = tensor.shape().elements() * BYTES_PER_ELEMENT;
            if (changes && needed > Runtime.getRuntime().maxMemory()) {
                throw new MergeRefusedException(
                        Code.TOO_LARGE,
                        "%s takes %,d MiB of memory, Java has %,d: give it more"
                                .formatted(
                                        tensor.name(),
                                        needed >> 20,
                                        Runtime.getRuntime().maxMemory() >> 20));
            }
        }
    }

    private void write(
            OutputFile output, MergePlan plan, CheckpointAudit base, StoredObject adapter, String inputDigest)
            throws IOException {
        TensorIndex index = base.contents().index();
        List<TensorInfo> tensors = inOrder(index);
        Map<String, String> metadata = new TreeMap<>(index.metadata());
        metadata.put(DIGEST, inputDigest);
        output.write(SafetensorsWriter.header(tensors, metadata));
        StoredObject file = base.checkpoint().weights().get(0);
        try (InputStream in = store.reader(file).open(index.dataStart(), file.size())) {
            DataInputStream data = new DataInputStream(in);
            for (TensorInfo tensor : tensors) {
                bytesRead += tensor.bytes();
                if (plan.touches(tensor.name())) {
                    byte[] bytes = new byte[Math.toIntExact(tensor.bytes())];
                    data.readFully(bytes);
                    output.write(merged(plan, tensor, bytes, adapter));
                } else {
                    copy(data, tensor.bytes(), output);
                }
            }
        }
    }

    private static void copy(InputStream from, long bytes, OutputFile to) throws IOException {
        byte[] buffer = new byte[(int) Math.min(COPY_BYTES, Math.max(1, bytes))];
        for (long left = bytes; left > 0; ) {
            int count = from.read(buffer, 0, (int) Math.min(buffer.length, left));
            if (count < 0) {
                throw new EOFException("the base ends early");
            }
            to.write(buffer, count);
            left -= count;
        }
    }

    private byte[] merged(MergePlan plan, TensorInfo tensor, byte[] bytes, StoredObject adapter) throws IOException {
        double[] before = doubles(tensor, ByteBuffer.wrap(bytes));
        double[] after = before;
        TensorInfo replacement = plan.replaced().get(tensor.name());
        if (replacement != null) {
            TensorData data = store.tensors(adapter, List.of(replacement));
            after = doubles(replacement, data.bytes(replacement).orElseThrow());
        }
        if (plan.weights().containsKey(tensor.name())) {
            int rows = (int) tensor.shape().dimOrOne(0);
            Matrix weight = new Matrix(rows, after.length / rows, after);
            int kernel = (int) tensor.shape().from(2).elements();
            TensorData data = values(plan.weights().get(tensor.name()), adapter);
            after = plan.weight(tensor.name(), weight, kernel, data).values();
        } else if (plan.biases().containsKey(tensor.name())) {
            after = plan.bias(tensor.name(), after, values(plan.biases().get(tensor.name()), adapter));
        }
        for (int i = 0; i < after.length; i++) {
            maxChange = Math.max(maxChange, Math.abs(after[i] - before[i]));
        }
        ByteBuffer encoded = ByteBuffer.allocate(bytes.length).order(ByteOrder.LITTLE_ENDIAN);
        FloatEncoder.encode(tensor.dtype(), after, encoded);
        return encoded.array();
    }

    private static double[] doubles(TensorInfo tensor, ByteBuffer bytes) {
        return FloatDecoder.doubles(tensor.dtype(), bytes.order(ByteOrder.LITTLE_ENDIAN), (int)
                tensor.shape().elements());
    }

    /** The tensors of some modules, in one read. */
    private TensorData values(List<Step> steps, StoredObject adapter) throws IOException {
        List<TensorInfo> tensors = new ArrayList<>();
        steps.forEach(step -> tensors.addAll(step.module().tensors().all()));
        tensors.forEach(tensor -> bytesRead += tensor.bytes());
        return store.tensors(adapter, tensors);
    }

    private String digestOfOutput() {
        try {
            StoredObject output = store.object(item.output());
            byte[] head = store.head(output, FirstRead.ofWeights(output));
            return SafetensorsReader.read(store.reader(output), head, head.length)
                    .metadata()
                    .get(DIGEST);
        } catch (IOException | MalformedTensorFileException e) {
            return null; // there is none yet, or another
        }
    }

    /** What the output depends on: files as the store tells them apart, and the request. */
    private String inputDigest(Checkpoint adapter, Checkpoint base) {
        StringBuilder input = new StringBuilder(toolVersion).append(' ').append(KERNEL);
        for (Checkpoint checkpoint : List.of(adapter, base)) {
            checkpoint.weights().forEach(file -> input.append('\n').append(file));
            checkpoint.side().ifPresent(file -> input.append('\n').append(file));
        }
        input.append('\n')
                .append(item.assumedAxis())
                .append(item.allowUnmatched())
                .append(item.strength());
        try {
            byte[] digest =
                    MessageDigest.getInstance("SHA-256").digest(input.toString().getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static double since(long started) {
        return (System.nanoTime() - started) / 1e9;
    }

    private MergeResult result(
            MergeResult.Status status, MergePlan plan, CheckpointAudit base, String inputDigest, OutputFile output) {
        Map<String, Integer> modules = new TreeMap<>();
        plan.weights()
                .values()
                .forEach(steps -> steps.forEach(step -> modules.merge(described(step.module()), 1, Integer::sum)));
        int written = output == null ? 0 : plan.touched();
        return new MergeResult(
                item,
                status,
                null,
                null,
                modules,
                written,
                output == null ? 0 : base.contents().index().tensors().size() - written,
                bytesRead,
                output == null ? 0 : output.bytes(),
                inputDigest,
                output == null ? null : output.digest(),
                output == null ? null : maxChange,
                seconds);
    }

    private static String described(AdapterModule module) {
        return module.hasDora()
                ? module.algorithm() + " DoRA"
                : module.algorithm().name();
    }
}

package io.doraxis.audit;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.CheckpointKind;
import io.doraxis.adapter.DialectClassifier;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.audit.CheckpointAudit.AdapterContents;
import io.doraxis.audit.CheckpointAudit.Contents;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.catalog.StoredObject;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.dora.AxisClassifier;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.tensorfile.Container;
import io.doraxis.tensorfile.Finding;
import io.doraxis.tensorfile.MalformedTensorFileException;
import io.doraxis.tensorfile.Printable;
import io.doraxis.tensorfile.RangeReader;
import io.doraxis.tensorfile.Reason;
import io.doraxis.tensorfile.SafetensorsReader;
import io.doraxis.tensorfile.StoreException;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * From the fetched bytes of a checkpoint to all that is known of it: header, adapter, axis, consumers. The one place
 * where a file that is wrong becomes a row.
 */
public final class CheckpointAuditor {
    private final ConsumerRules rules;

    public CheckpointAuditor(ConsumerRules rules) {
        this.rules = rules;
    }

    /** What the first bytes and the values in reach are: the caller may know more than the head of the file. */
    @FunctionalInterface
    public interface ValueSource {
        /** The data of the file's tensors that is worth having, given its header. */
        TensorData of(FetchedFile file, TensorIndex index) throws IOException;

        /** Only what the first request brought. */
        ValueSource IN_HAND =
                (file, index) -> file.isWhole() ? TensorData.ofHead(file.head(), file.length()) : TensorData.NONE;
    }

    /**
     * Audits one checkpoint.
     *
     * @param weights its weight files as fetched, in the checkpoint's order
     * @param side its side file as fetched; null for a single file
     */
    public CheckpointAudit audit(
            Checkpoint checkpoint, List<FetchedFile> weights, FetchedFile side, ValueSource values) {
        Pass pass = new Pass(checkpoint);
        pass.count(weights, side);
        Optional<PeftConfig> config =
                checkpoint.form() == Checkpoint.Form.PEFT_DIRECTORY ? pass.peftConfig(side) : Optional.empty();
        List<FetchedFile> parts =
                checkpoint.form() == Checkpoint.Form.SHARDED ? pass.namedByIndex(side, weights) : weights;
        List<TensorIndex> indexes = new ArrayList<>();
        TensorData data = TensorData.NONE;
        int tensors = 0;
        for (FetchedFile file : parts) {
            Optional<TensorIndex> index = pass.header(file);
            tensors += index.map(found -> found.tensors().size()).orElse(0);
            if (tensors > SafetensorsReader.MAX_TENSORS) {
                pass.tooManyTensors(file);
                break;
            }
            if (index.isPresent()) {
                indexes.add(index.get());
                if (parts.size() == 1) {
                    data = pass.values(values, file, index.get());
                }
            }
        }
        if (indexes.isEmpty()) {
            return new CheckpointAudit(checkpoint, pass.reading(0), null, pass.findings);
        }
        TensorIndex index = indexes.size() == 1 ? indexes.get(0) : joined(indexes);
        pass.findings.addAll(index.findings());
        Contents contents = contents(checkpoint, index, config.orElse(null), data, pass.findings);
        return new CheckpointAudit(checkpoint, pass.reading(indexes.size()), contents, pass.findings);
    }

    private Contents contents(
            Checkpoint checkpoint, TensorIndex index, PeftConfig config, TensorData data, List<Finding> findings) {
        AdapterIndex adapter = AdapterIndex.of(index, data, config);
        StoredObject first = checkpoint.weights().get(0);
        CheckpointKind kind = CheckpointKind.of(
                index, adapter, first.fileName(), checkpoint.form() == Checkpoint.Form.PEFT_DIRECTORY);
        if (kind != CheckpointKind.ADAPTER) {
            return new Contents(kind, index, config, null);
        }
        CheckpointVerdict verdict = AxisClassifier.classify(adapter.modules(), adapter.claims(), data);
        findings.addAll(verdict.findings());
        findings.addAll(oddities(adapter, config));
        return new Contents(
                kind,
                index,
                config,
                new AdapterContents(
                        adapter,
                        DialectClassifier.classify(adapter),
                        verdict,
                        rules.predict(adapter, verdict, config)));
    }

    private static List<Finding> oddities(AdapterIndex adapter, PeftConfig config) {
        List<Finding> findings = new ArrayList<>();
        List<String> incomplete = adapter.modules().stream()
                .filter(module -> !module.isComplete())
                .map(AdapterModule::name)
                .toList();
        if (!incomplete.isEmpty()) {
            findings.add(new Finding(
                    Finding.Code.INCOMPLETE_MODULE,
                    incomplete.size() + " modules lack factors, such as " + incomplete.get(0)));
        }
        if (config != null && config.isGivenUp()) {
            findings.add(new Finding(
                    Finding.Code.PEFT_CONFIG,
                    "the expressions of adapter_config.json took too long: some were not tried"));
        }
        boolean saved = config != null && !config.modulesToSave().isEmpty();
        if (adapter.unrecognised() > 0 && !saved) {
            findings.add(new Finding(
                    Finding.Code.UNRECOGNISED_TENSORS,
                    adapter.unrecognised() + " tensors belong to no module, such as "
                            + adapter.unrecognisedNames().get(0)));
        }
        return findings;
    }

    private static TensorIndex joined(List<TensorIndex> indexes) {
        List<TensorInfo> tensors = new ArrayList<>();
        Map<String, String> metadata = new LinkedHashMap<>();
        List<Finding> findings = new ArrayList<>();
        for (TensorIndex index : indexes) {
            tensors.addAll(index.tensors());
            index.metadata().forEach(metadata::putIfAbsent);
            findings.addAll(index.findings());
        }
        return new TensorIndex(tensors, metadata, indexes.get(0).dataStart(), findings);
    }

    /** The reading of one checkpoint: what was met on the way. */
    private static final class Pass {
        private static final int MAX_MESSAGE = 4_000;

        private final Checkpoint checkpoint;
        private final List<Finding> findings = new ArrayList<>();
        private String container;
        private Reason reason;
        private String message;
        private long bytesRead;
        private int requests;
        private int unreadable;

        Pass(Checkpoint checkpoint) {
            this.checkpoint = checkpoint;
        }

        void count(List<FetchedFile> weights, FetchedFile side) {
            weights.forEach(this::count);
            if (side != null) {
                count(side);
            }
        }

        private void count(FetchedFile file) {
            bytesRead += file.length();
            requests++;
        }

        Optional<TensorIndex> header(FetchedFile file) {
            if (file.failure() != null) {
                failed(file.failure().reason(), file.failure().message());
                return Optional.empty();
            }
            if (container == null) {
                container = Container.of(file.head(), file.length()).name();
            }
            if (container.equals(Container.UNKNOWN.name()) && !isCalledSafetensors(file.object())) {
                failed(
                        file.object(),
                        new MalformedTensorFileException(
                                Reason.UNSUPPORTED_CONTAINER, 0, "bytes of no known container", "safetensors"));
                return Optional.empty();
            }
            try {
                return Optional.of(SafetensorsReader.read(counted(file.reader()), file.head(), file.length()));
            } catch (MalformedTensorFileException e) {
                failed(file.object(), e);
            } catch (StoreException e) {
                failed(e.reason(), e.getMessage());
            } catch (IOException e) {
                failed(Reason.STORE_FAILED, e.toString());
            }
            return Optional.empty();
        }

        void tooManyTensors(FetchedFile file) {
            failed(
                    file.object(),
                    new MalformedTensorFileException(
                            Reason.OVER_LIMIT,
                            0,
                            "more than " + SafetensorsReader.MAX_TENSORS + " tensors in all shards",
                            "what a program would write"));
        }

        /** What is read behind the first bytes counts too, however the reading ends. */
        private RangeReader counted(RangeReader reader) {
            return new RangeReader() {
                @Override
                public String name() {
                    return reader.name();
                }

                @Override
                public long length() {
                    return reader.length();
                }

                @Override
                public InputStream open(long from, long to) throws IOException {
                    requests++;
                    return new FilterInputStream(reader.open(from, to)) {
                        @Override
                        public int read(byte[] into, int at, int length) throws IOException {
                            int read = super.read(into, at, length);
                            bytesRead += Math.max(read, 0);
                            return read;
                        }
                    };
                }
            };
        }

        private static boolean isCalledSafetensors(StoredObject object) {
            String name = object.fileName().toLowerCase(Locale.ROOT);
            return name.endsWith(".safetensors") || name.endsWith(".sft");
        }

        TensorData values(ValueSource values, FetchedFile file, TensorIndex index) {
            try {
                return values.of(file, index);
            } catch (StoreException e) {
                failed(e.reason(), e.getMessage());
                return TensorData.NONE;
            } catch (IOException e) {
                failed(Reason.STORE_FAILED, e.toString());
                return TensorData.NONE;
            }
        }

        Optional<PeftConfig> peftConfig(FetchedFile side) {
            if (side.failure() != null) {
                failed(side.failure().reason(), side.failure().message());
                return Optional.empty();
            }
            if (isCut(side)) {
                return Optional.empty();
            }
            try {
                return Optional.of(PeftConfig.parse(Arrays.copyOf(side.head(), side.length())));
            } catch (IOException e) {
                invalid(side, e, "PEFT's configuration");
                return Optional.empty();
            }
        }

        /** The shards that belong to the model: those that its index names, or all where it cannot be read. */
        List<FetchedFile> namedByIndex(FetchedFile side, List<FetchedFile> shards) {
            if (side.failure() != null) {
                failed(side.failure().reason(), side.failure().message());
                return shards;
            }
            if (isCut(side)) {
                return shards;
            }
            try {
                Set<String> named = ShardIndex.parse(side.head(), side.length()).files();
                compare(side.object(), named, shards);
                return shards.stream()
                        .filter(file -> named.contains(file.object().fileName()))
                        .toList();
            } catch (IOException e) {
                invalid(side, e, "an index with a weight_map");
                return shards;
            }
        }

        private void compare(StoredObject index, Set<String> named, List<FetchedFile> shards) {
            Set<String> listed =
                    shards.stream().map(file -> file.object().fileName()).collect(Collectors.toSet());
            Set<String> missing = new TreeSet<>(named);
            missing.removeAll(listed);
            if (!missing.isEmpty()) {
                failed(
                        index,
                        new MalformedTensorFileException(
                                Reason.MISSING_SHARD,
                                0,
                                "%d of %d shards".formatted(named.size() - missing.size(), named.size()),
                                missing.iterator().next() + " too"));
            }
            Set<String> stale = new TreeSet<>(listed);
            stale.removeAll(named);
            if (!stale.isEmpty()) {
                findings.add(new Finding(
                        Finding.Code.SHARDS,
                        "%d files that the index does not name, such as %s"
                                .formatted(stale.size(), stale.iterator().next())));
            }
        }

        /** A side file that is longer than any real one was read in part only. */
        private boolean isCut(FetchedFile side) {
            boolean cut = side.length() < side.object().size();
            if (cut) {
                failed(
                        side.object(),
                        new MalformedTensorFileException(
                                Reason.OVER_LIMIT,
                                0,
                                "a side file of " + side.object().size() + " bytes",
                                "at most " + side.length()));
            }
            return cut;
        }

        private void invalid(FetchedFile side, IOException e, String expected) {
            long at = 0;
            String found = e.getMessage();
            if (e instanceof JsonProcessingException json) {
                at = json.getLocation() == null
                        ? 0
                        : Math.max(0, json.getLocation().getByteOffset());
                found = json.getOriginalMessage();
            }
            failed(
                    side.object(),
                    new MalformedTensorFileException(
                            Reason.INVALID_SIDE_FILE,
                            at,
                            found.lines().findFirst().orElse(""),
                            expected));
        }

        private void failed(StoredObject object, MalformedTensorFileException e) {
            failed(e.reason(), object.uri() + ": " + e.getMessage());
        }

        /** The first failure names the row's reason. */
        private void failed(Reason why, String text) {
            unreadable++;
            if (reason == null) {
                reason = why;
                message = Printable.of(text, MAX_MESSAGE);
            }
        }

        Reading reading(int filesRead) {
            Status status = unreadable == 0 ? Status.OK : filesRead > 0 ? Status.PARTIAL : Status.of(reason);
            return new Reading(status, container, reason, message, bytesRead, requests);
        }
    }
}

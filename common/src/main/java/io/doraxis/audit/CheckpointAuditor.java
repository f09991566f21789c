package io.doraxis.audit;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.CheckpointKind;
import io.doraxis.adapter.DialectClassifier;
import io.doraxis.adapter.MetadataClaims;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.adapter.PeftTraps;
import io.doraxis.audit.CheckpointAudit.AdapterContents;
import io.doraxis.audit.CheckpointAudit.Contents;
import io.doraxis.audit.CheckpointAudit.Part;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.consumer.FileFacts;
import io.doraxis.dora.Atlas;
import io.doraxis.dora.AxisClassifier;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.dora.ValueMatch;
import io.doraxis.naming.BaseMatch;
import io.doraxis.naming.BaseNames;
import io.doraxis.naming.BaseWeight;
import io.doraxis.naming.Families;
import io.doraxis.naming.FamilyClaims;
import io.doraxis.naming.FamilyMatch;
import io.doraxis.tensorfile.Finding;
import io.doraxis.tensorfile.PickleScan;
import io.doraxis.tensorfile.Reason;
import io.doraxis.tensorfile.Tally;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * From the fetched bytes of a checkpoint to all that is known of it: header, adapter, axis, consumers. The one place
 * where a file that is wrong becomes a row.
 */
public final class CheckpointAuditor {
    private final ConsumerRules rules;
    private final BaseNames base;
    private final Atlas atlas;
    private final ValueUse use;

    public CheckpointAuditor(ConsumerRules rules) {
        this(rules, null, null, ValueUse.NONE);
    }

    /**
     * @param base the model that adapters are held against; null without one
     * @param atlas norms that magnitudes are compared with; null without one
     * @param use which magnitudes are compared
     */
    public CheckpointAuditor(ConsumerRules rules, BaseNames base, Atlas atlas, ValueUse use) {
        this.rules = rules;
        this.base = base;
        this.atlas = atlas;
        this.use = use;
    }

    /** What the first bytes and the values in reach are: the caller may know more than the head of the file. */
    @FunctionalInterface
    public interface ValueSource {
        /** The data of the file's tensors that is worth having, given its header. */
        Values of(FetchedFile file, TensorIndex index) throws IOException;

        /** Only what the first request brought. */
        ValueSource IN_HAND = (file, index) -> Values.inHand(file);
    }

    /**
     * Tensors' values.
     *
     * @param requests that it took to read them
     * @param bytes that were read for them
     */
    public record Values(TensorData data, int requests, long bytes) {
        /** Those of a file that is in memory as a whole; none of any other. */
        public static Values inHand(FetchedFile file) {
            return new Values(file.isWhole() ? TensorData.ofHead(file.head(), file.length()) : TensorData.NONE, 0, 0);
        }
    }

    /** Audits one checkpoint of no repository, or of one without a card. */
    public CheckpointAudit audit(
            Checkpoint checkpoint, List<FetchedFile> weights, FetchedFile side, ValueSource values) {
        return audit(checkpoint, weights, side, null, values);
    }

    /**
     * Audits one checkpoint.
     *
     * @param weights its weight files as fetched, in the checkpoint's order
     * @param side its side file as fetched; null without one
     * @param card of its repository; null without one
     */
    public CheckpointAudit audit(
            Checkpoint checkpoint, List<FetchedFile> weights, FetchedFile side, FetchedFile card, ValueSource values) {
        ReadingLog log = new ReadingLog();
        weights.forEach(log::count);
        Stream.of(Optional.ofNullable(side), Optional.ofNullable(card))
                .flatMap(Optional::stream)
                .forEach(log::count);
        SideFiles sideFiles = new SideFiles(log);
        Optional<PeftConfig> config =
                checkpoint.form() == Checkpoint.Form.PEFT_DIRECTORY ? sideFiles.peftConfig(side) : Optional.empty();
        Reason unread = config.isEmpty() ? log.reading(0).reason() : null;
        Optional<ShardIndex> shardIndex =
                checkpoint.form() == Checkpoint.Form.SHARDED ? sideFiles.shardIndex(side) : Optional.empty();
        Map<String, String> claims = sideFiles.claims(checkpoint, side, card);
        List<FetchedFile> files = shardIndex
                .map(found -> sideFiles.named(found, side.object(), weights))
                .orElse(weights);
        WeightFiles weightFiles = new WeightFiles(log);
        List<Part> parts = weightFiles.headers(files);
        shardIndex.ifPresent(found -> sideFiles.compareTensors(found, parts));
        Contents contents = null;
        if (!parts.isEmpty()) {
            TensorIndex index = parts.size() == 1 ? parts.get(0).index() : joined(parts);
            log.findings().addAll(index.findings());
            TensorData data = files.size() == 1 ? weightFiles.values(values, files.get(0), index) : TensorData.NONE;
            contents = contents(checkpoint, index, parts, config.orElse(null), unread, claims, data, log.findings());
        }
        warnOfPickles(log);
        return new CheckpointAudit(
                checkpoint, log.reading(parts.size()), contents, Finding.capped(log.findings()), log.pickles());
    }

    private static void warnOfPickles(ReadingLog log) {
        if (log.pickles().verdict() == PickleScan.Verdict.DENIED) {
            log.findings()
                    .add(new Finding(
                            Finding.Code.DENIED_PICKLE_GLOBAL,
                            "loading this file with Python's pickle may run code: it imports "
                                    + String.join(", ", log.pickles().denied())));
        }
    }

    private Contents contents(
            Checkpoint checkpoint,
            TensorIndex index,
            List<Part> parts,
            PeftConfig config,
            Reason unread,
            Map<String, String> claims,
            TensorData data,
            List<Finding> findings) {
        LicenseClaims license = LicenseClaims.of(index.metadata(), claims);
        AdapterIndex alone = AdapterIndex.of(index, data, config).withClaims(claims);
        CheckpointKind kind = CheckpointKind.of(index, alone, checkpoint.form() == Checkpoint.Form.PEFT_DIRECTORY);
        if (kind != CheckpointKind.ADAPTER) {
            FamilyMatch family = kind == CheckpointKind.MODEL ? family(index) : null;
            List<String> conflicts = conflicts(license, alone.claims(), family, findings);
            return new Contents(kind, index, parts, config, family, license, conflicts, null);
        }
        AdapterIndex adapter = alone;
        if (base != null) {
            BaseMatch match = BaseMatch.of(alone, base);
            adapter = match.adapter();
            findings.addAll(match.findings());
        }
        CheckpointVerdict verdict = AxisClassifier.classify(adapter.modules(), adapter.claims(), data);
        boolean compare =
                atlas != null && (use == ValueUse.ALL || use == ValueUse.AMBIGUOUS && verdict.ambiguousModules() > 0);
        Optional<ValueMatch> values =
                compare ? ValueMatch.of(adapter.modules(), verdict.modules(), data, atlas) : Optional.empty();
        if (values.isPresent()) {
            verdict = values.get().refine(verdict);
        }
        findings.addAll(verdict.findings());
        findings.addAll(oddities(adapter, config));
        FamilyMatch family = family(adapter);
        FileFacts facts = FileFacts.of(adapter, verdict, config, unread);
        return new Contents(
                kind,
                index,
                parts,
                config,
                family,
                license,
                conflicts(license, adapter.claims(), family, findings),
                new AdapterContents(
                        adapter,
                        DialectClassifier.classify(adapter),
                        verdict,
                        values.orElse(null),
                        facts,
                        rules.predict(facts)));
    }

    private static List<String> conflicts(
            LicenseClaims license, MetadataClaims claims, FamilyMatch family, List<Finding> findings) {
        List<String> conflicts = FamilyClaims.conflicts(claims, family);
        if (license.conflict() != null) {
            conflicts.add(license.conflict());
        }
        conflicts.forEach(conflict -> findings.add(new Finding(Finding.Code.CLAIM_CONFLICT, conflict)));
        return conflicts;
    }

    private static FamilyMatch family(AdapterIndex adapter) {
        List<AdapterModule> modules = adapter.modules();
        return Families.match(modules.size(), i -> {
                    AdapterModule module = modules.get(i);
                    return new Families.Layer(module.name(), module.out(), module.in(), module.flattened());
                })
                .orElse(null);
    }

    private static FamilyMatch family(TensorIndex model) {
        return Families.match(BaseWeight.of(model.tensors())).orElse(null);
    }

    private static List<Finding> oddities(AdapterIndex adapter, PeftConfig config) {
        List<Finding> findings = new ArrayList<>();
        Tally incomplete = new Tally();
        adapter.modules().stream()
                .filter(module -> !module.isComplete())
                .forEach(module -> incomplete.add(module.name()));
        incomplete.report(Finding.Code.INCOMPLETE_MODULE, "%d modules lack factors, such as ", findings);
        if (config != null) {
            findings.addAll(PeftTraps.of(adapter, config));
        }
        boolean saved = config != null && !config.targets().saved().isEmpty();
        if (adapter.unrecognised() > 0 && !saved) {
            findings.add(new Finding(
                    Finding.Code.UNRECOGNISED_TENSORS,
                    adapter.unrecognised() + " tensors belong to no module, such as "
                            + adapter.unrecognisedNames().get(0)));
        }
        return findings;
    }

    private static TensorIndex joined(List<Part> parts) {
        List<TensorInfo> tensors = new ArrayList<>();
        Map<String, String> metadata = new LinkedHashMap<>();
        List<Finding> findings = new ArrayList<>();
        for (Part part : parts) {
            tensors.addAll(part.index().tensors());
            part.index().metadata().forEach(metadata::putIfAbsent);
            findings.addAll(part.index().findings());
        }
        return new TensorIndex(tensors, metadata, parts.get(0).index().dataStart(), findings);
    }
}

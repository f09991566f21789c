package io.doraxis.spark;

import io.doraxis.merge.MergeRefusedException;
import io.doraxis.merge.OutputShard;
import io.doraxis.tensorfile.Printable;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What became of a merge: a row of the {@code merges} table.
 *
 * @param plan how many modules of each algorithm were merged
 * @param code why it was refused or failed; null where it was not
 * @param outputDigest SHA-256 of the file, or of the digests of a folder's files; null where nothing was written
 * @param maxChange of an element; null where nothing was written
 * @param meanChange of the elements of the tensors that changed; null where nothing was written
 * @param warnings what was left out, what the output's type could not hold, and why another device computed
 * @param seconds by phase
 */
public record MergeResult(
        MergeRequest request,
        Status status,
        String code,
        String message,
        String kernel,
        String device,
        Map<String, Integer> plan,
        int written,
        int copied,
        long bytesRead,
        long bytesWritten,
        String inputDigest,
        String outputDigest,
        Double maxChange,
        Double meanChange,
        List<String> warnings,
        Map<String, Double> seconds)
        implements Serializable {
    private static final int MAX_MESSAGE = 4_000;
    private static final int NAMES_SHOWN = 10;

    /** Stored in the merges table: never renamed. */
    public enum Status {
        DONE,
        /** What would be done; nothing was written. */
        PLANNED,
        /** It cannot be done as asked; nothing was written. */
        REFUSED,
        /** The store failed, or a file was not what it seemed. */
        FAILED,
        /** The output is what the same input gave before. */
        UP_TO_DATE
    }

    static MergeResult refused(MergeRequest request, MergeRefusedException e) {
        return without(request, Status.REFUSED, e.code().name(), e.getMessage());
    }

    static MergeResult failed(MergeRequest request, Exception e) {
        String message = e.getMessage() == null ? e.toString() : e.getMessage();
        return without(request, Status.FAILED, "STORE_ERROR", message);
    }

    private static MergeResult without(MergeRequest request, Status status, String code, String message) {
        String shown = Printable.of(message, MAX_MESSAGE);
        return new MergeResult(
                request, status, code, shown, null, null, Map.of(), 0, 0, 0, 0, null, null, null, null, List.of(),
                Map.of());
    }

    static MergeResult of(
            PreparedMerge merge, List<ShardResult> shards, Computed computed, Map<String, Double> seconds) {
        boolean isNew = shards.stream().anyMatch(ShardResult::isNew);
        long elements = shards.stream().mapToLong(ShardResult::elements).sum();
        double changes = shards.stream().mapToDouble(ShardResult::sumOfChanges).sum();
        Map<String, Double> phases = new LinkedHashMap<>(seconds);
        phases.put(
                "merge", shards.stream().mapToDouble(ShardResult::mergeSeconds).sum());
        phases.put(
                "publish",
                shards.stream().mapToDouble(ShardResult::publishSeconds).sum());
        return new MergeResult(
                merge.request(),
                isNew ? Status.DONE : Status.UP_TO_DATE,
                null,
                null,
                isNew ? computed.kernel() : null,
                isNew ? computed.device() : null,
                merge.modules(),
                shards.stream().mapToInt(ShardResult::written).sum(),
                shards.stream().mapToInt(ShardResult::copied).sum(),
                merge.bytesRead()
                        + shards.stream().mapToLong(ShardResult::bytesRead).sum(),
                shards.stream().mapToLong(ShardResult::bytesWritten).sum(),
                merge.output().digest(),
                digest(shards),
                isNew
                        ? shards.stream()
                                .mapToDouble(ShardResult::maxChange)
                                .max()
                                .orElse(0)
                        : null,
                isNew ? changes / Math.max(1, elements) : null,
                warnings(merge, shards, isNew ? computed.warnings() : List.of()),
                phases);
    }

    /** What would be written. */
    static MergeResult planned(PreparedMerge merge) {
        int written = merge.plan().touched();
        int tensors = merge.output().shards().stream()
                .mapToInt(shard -> shard.tensors().size())
                .sum();
        return new MergeResult(
                merge.request(),
                Status.PLANNED,
                null,
                null,
                null,
                null,
                merge.modules(),
                written,
                tensors - written,
                merge.bytesRead(),
                merge.output().shards().stream().mapToLong(OutputShard::bytes).sum(),
                merge.output().digest(),
                null,
                null,
                null,
                warnings(merge, List.of(), List.of()),
                Map.of());
    }

    private static String digest(List<ShardResult> shards) {
        if (shards.stream().anyMatch(shard -> shard.digest() == null)) {
            return null;
        }
        String digests = shards.stream().map(ShardResult::digest).collect(Collectors.joining("\n"));
        return shards.size() == 1 ? digests : PreparedMerge.sha256(digests);
    }

    private static List<String> warnings(PreparedMerge merge, List<ShardResult> shards, List<String> ofDevices) {
        List<String> warnings = new ArrayList<>(merge.plan().notes());
        List<String> unmatched = merge.plan().unmatched();
        if (!unmatched.isEmpty()) {
            String names = unmatched.stream().limit(NAMES_SHOWN).collect(Collectors.joining(", "));
            warnings.add(Printable.of(
                    unmatched.size() + " names of the adapter match nothing in the base: " + names, MAX_MESSAGE));
        }
        long tooLarge = shards.stream().mapToLong(ShardResult::tooLarge).sum();
        if (tooLarge > 0) {
            warnings.add(tooLarge + " elements are too large for the type of the output");
        }
        warnings.addAll(ofDevices);
        return warnings;
    }
}

package io.doraxis.audit;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.doraxis.adapter.CardClaims;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.adapter.SideClaims;
import io.doraxis.audit.CheckpointAudit.Part;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.catalog.StoredObject;
import io.doraxis.tensorfile.Container;
import io.doraxis.tensorfile.Finding;
import io.doraxis.tensorfile.MalformedTensorFileException;
import io.doraxis.tensorfile.Reason;
import io.doraxis.tensorfile.Tally;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Reads what lies beside the weights: PEFT's configuration, the index of a sharded model, or a model manager's notes. */
final class SideFiles {
    private final ReadingLog log;

    SideFiles(ReadingLog log) {
        this.log = log;
    }

    Optional<PeftConfig> peftConfig(FetchedFile side) {
        if (!isThere(side)) {
            return Optional.empty();
        }
        try {
            return Optional.of(PeftConfig.parse(Arrays.copyOf(side.head(), side.length())));
        } catch (IOException e) {
            invalid(side, e, "PEFT's configuration");
            return Optional.empty();
        }
    }

    /**
     * What is said of the checkpoint elsewhere: beside a single file, and in its repository.
     *
     * @param side null without one
     * @param card null without one
     */
    Map<String, String> claims(Checkpoint checkpoint, FetchedFile side, FetchedFile card) {
        Map<String, String> claims = new LinkedHashMap<>();
        if (checkpoint.form() == Checkpoint.Form.FILE && side != null) {
            claims.putAll(claims(side));
        }
        if (card != null) {
            claims.putAll(cardClaims(card));
        }
        return claims;
    }

    /** What a model manager says of a single file; nothing where it cannot be read, since the file does not need it. */
    private Map<String, String> claims(FetchedFile side) {
        if (side.failure() != null) {
            log.failed(side.failure());
            return Map.of();
        }
        try {
            if (!side.isWhole()) {
                throw new IOException("longer than " + side.length() + " bytes");
            }
            checkNoLink(side);
            return SideClaims.parse(side.head(), side.length());
        } catch (IOException e) {
            log.findings()
                    .add(new Finding(
                            Finding.Code.SIDE_FILE_UNREAD, side.object().fileName() + ": " + said(e)));
            return Map.of();
        }
    }

    private static void checkNoLink(FetchedFile side) throws IOException {
        if (isLink(side)) {
            throw new IOException("a link of a download cache, stored as a text");
        }
    }

    private static boolean isLink(FetchedFile side) {
        return Container.of(side.head(), side.length()) == Container.CACHE_LINK;
    }

    /** What a repository's card says; nothing where it cannot be read, since no checkpoint needs it. */
    private Map<String, String> cardClaims(FetchedFile card) {
        try {
            if (card.failure() != null) {
                throw new IOException(card.failure().reason().name());
            }
            checkNoLink(card);
            return CardClaims.parse(card.head(), card.length(), card.object().size());
        } catch (IOException e) {
            log.findings()
                    .add(new Finding(
                            Finding.Code.SIDE_FILE_UNREAD, card.object().fileName() + ": " + said(e)));
            return Map.of();
        }
    }

    /** The index of a sharded model; empty where it cannot be read. */
    Optional<ShardIndex> shardIndex(FetchedFile side) {
        if (!isThere(side)) {
            return Optional.empty();
        }
        try {
            return Optional.of(ShardIndex.parse(side.head(), side.length()));
        } catch (IOException e) {
            invalid(side, e, "an index with a weight_map");
            return Optional.empty();
        }
    }

    /** The shards that an index names; what it names in vain or leaves out is noted. */
    List<FetchedFile> named(ShardIndex index, StoredObject side, List<FetchedFile> shards) {
        Set<String> named = index.fileNames();
        compare(side, named, shards);
        return shards.stream()
                .filter(file -> named.contains(file.object().fileName()))
                .toList();
    }

    /**
     * Notes where an index and the shards that were read disagree about the tensors.
     *
     * @param shards that were read
     */
    void compareTensors(ShardIndex index, List<Part> shards) {
        Tally missing = new Tally();
        Tally orphans = new Tally();
        Tally repeated = new Tally();
        long bytes = 0;
        Map<String, Set<String>> names = new HashMap<>();
        for (Part shard : shards) {
            String name = shard.file().fileName();
            Set<String> inShard = names.computeIfAbsent(name, file -> new HashSet<>());
            for (TensorInfo tensor : shard.index().tensors()) {
                inShard.add(tensor.name());
                bytes += tensor.bytes();
                String place = index.files().get(tensor.name());
                if (place == null) {
                    orphans.add(tensor.name());
                } else if (!place.equals(name)) {
                    repeated.add(tensor.name());
                }
            }
        }
        index.files().forEach((tensor, file) -> {
            if (names.containsKey(file) && !names.get(file).contains(tensor)) {
                missing.add(tensor);
            }
        });
        missing.report(
                Finding.Code.SHARD_TENSOR_MISSING,
                "%d tensors are not in the file that the index names: ",
                log.findings());
        orphans.report(Finding.Code.SHARD_TENSOR_ORPHAN, "%d tensors that the index does not name: ", log.findings());
        repeated.report(
                Finding.Code.SHARD_TENSOR_REPEATED,
                "%d tensors in another file than the index names: ",
                log.findings());
        boolean all = names.keySet().containsAll(index.fileNames());
        if (all && index.totalBytes() != null && index.totalBytes() != bytes) {
            log.findings()
                    .add(new Finding(
                            Finding.Code.SHARD_TOTAL_SIZE,
                            "the index claims " + index.totalBytes() + " bytes of tensors, there are " + bytes));
        }
    }

    private void compare(StoredObject index, Set<String> named, List<FetchedFile> shards) {
        Set<String> listed =
                shards.stream().map(file -> file.object().fileName()).collect(Collectors.toSet());
        Set<String> missing = new TreeSet<>(named);
        missing.removeAll(listed);
        if (!missing.isEmpty()) {
            log.failed(
                    index,
                    new MalformedTensorFileException(
                            Reason.MISSING_SHARD,
                            0,
                            "%d of %d shards".formatted(named.size() - missing.size(), named.size()),
                            missing.iterator().next() + " too"));
        }
        List<String> outside = named.stream()
                .filter(name -> name.indexOf('/') >= 0 || name.indexOf('\\') >= 0 || name.equals(".."))
                .toList();
        if (!outside.isEmpty()) {
            log.findings()
                    .add(new Finding(
                            Finding.Code.SHARD_OUTSIDE_FOLDER,
                            outside.size() + " files of the index lie in another folder, and are not read: "
                                    + outside.get(0)));
        }
        Set<String> stale = new TreeSet<>(listed);
        stale.removeAll(named);
        if (!stale.isEmpty()) {
            log.findings()
                    .add(new Finding(
                            Finding.Code.SHARDS,
                            "%d files that the index does not name, such as %s"
                                    .formatted(stale.size(), stale.iterator().next())));
        }
    }

    /** Whether the store gave all of it; one that is longer than any real one was read in part only. */
    private boolean isThere(FetchedFile side) {
        if (side.failure() != null) {
            log.failed(side.failure());
            return false;
        }
        if (!side.isWhole()) {
            log.failed(
                    side.object(),
                    new MalformedTensorFileException(
                            Reason.OVER_LIMIT,
                            0,
                            "a side file of " + side.object().size() + " bytes",
                            "at most " + side.length()));
        }
        if (isLink(side)) {
            log.failed(
                    side.object(),
                    new MalformedTensorFileException(
                            Reason.CACHE_LINK,
                            0,
                            "a link of a download cache, stored as a text",
                            "the blob that it leads to"));
            return false;
        }
        return side.isWhole();
    }

    private void invalid(FetchedFile side, IOException e, String expected) {
        long at = e instanceof JsonProcessingException json && json.getLocation() != null
                ? Math.max(0, json.getLocation().getByteOffset())
                : 0;
        log.failed(side.object(), new MalformedTensorFileException(Reason.INVALID_SIDE_FILE, at, said(e), expected));
    }

    /** What a parser says, without the place. */
    private static String said(IOException e) {
        String said = e instanceof JsonProcessingException json ? json.getOriginalMessage() : e.getMessage();
        return said.lines().findFirst().orElse("");
    }
}

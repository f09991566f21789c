package io.doraxis.audit;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.catalog.StoredObject;
import io.doraxis.tensorfile.Finding;
import io.doraxis.tensorfile.MalformedTensorFileException;
import io.doraxis.tensorfile.Reason;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Reads what lies beside the weights: PEFT's configuration, or the index of a sharded model. */
record SideFiles(ReadingLog log) {
    Optional<PeftConfig> peftConfig(FetchedFile side) {
        if (side.failure() != null) {
            log.failed(side.failure());
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
            log.failed(side.failure());
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
            log.failed(
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
            log.findings()
                    .add(new Finding(
                            Finding.Code.SHARDS,
                            "%d files that the index does not name, such as %s"
                                    .formatted(stale.size(), stale.iterator().next())));
        }
    }

    /** A side file that is longer than any real one was read in part only. */
    private boolean isCut(FetchedFile side) {
        boolean cut = side.length() < side.object().size();
        if (cut) {
            log.failed(
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
            at = json.getLocation() == null ? 0 : Math.max(0, json.getLocation().getByteOffset());
            found = json.getOriginalMessage();
        }
        log.failed(
                side.object(),
                new MalformedTensorFileException(
                        Reason.INVALID_SIDE_FILE, at, found.lines().findFirst().orElse(""), expected));
    }
}

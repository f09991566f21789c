package io.doraxis.cli;

import io.doraxis.peft.LossyLimits;
import picocli.CommandLine.Option;

/** How far off an export may be. */
final class LossyOptions {
    @Option(names = "--allow-lossy", description = "With --input-axis low-rank, which is only nearly the same.")
    private boolean allowed;

    @Option(
            names = "--max-rel-error",
            paramLabel = "SHARE",
            description = "How far off a layer may be with --allow-lossy, relative to what the adapter changes in it.")
    private Double maxError;

    @Option(
            names = "--max-rank",
            paramLabel = "RANK",
            description = "Largest rank of new factors with --allow-lossy (default: " + LossyLimits.DEFAULT_RANK + ").")
    private Integer maxRank;

    void requireNone() throws Doraxis.UsageException {
        if (allowed || maxError != null || maxRank != null) {
            throw new Doraxis.UsageException(
                    "--allow-lossy, --max-rel-error and --max-rank are of --input-axis low-rank");
        }
    }

    /** @throws Doraxis.UsageException if they are not given, or are none */
    LossyLimits limits(boolean wholeBeyond) throws Doraxis.UsageException {
        if (!allowed) {
            throw new Doraxis.UsageException(
                    "--input-axis low-rank is not exact: add --allow-lossy and --max-rel-error");
        }
        if (maxError == null || !(maxError > 0 && maxError < 1)) {
            throw new Doraxis.UsageException(
                    "--allow-lossy needs --max-rel-error, a share between 0 and 1 of what the adapter changes");
        }
        if (maxRank != null && maxRank < 1) {
            throw new Doraxis.UsageException("--max-rank is 1 at least");
        }
        return new LossyLimits(maxError, maxRank == null ? LossyLimits.DEFAULT_RANK : maxRank, wholeBeyond);
    }
}

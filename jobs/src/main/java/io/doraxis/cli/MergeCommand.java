package io.doraxis.cli;

import io.doraxis.dora.ModuleAxis;
import io.doraxis.merge.Strength;
import io.doraxis.spark.MergeItem;
import io.doraxis.spark.MergeJob;
import io.doraxis.spark.MergeRecord;
import io.doraxis.spark.MergeResult;
import io.doraxis.spark.Progress;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Adapters into base weights. */
@Command(
        name = "merge",
        description = "Merges adapters into base weights: one, or all that a plan lists.",
        exitCodeListHeading = "%nExit status:%n",
        exitCodeList = {
            "0:done",
            "1:the job failed, or a merge did",
            "4:done, but merges were refused: the message or the row says why",
            "64:wrong usage"
        })
final class MergeCommand implements Callable<Integer> {
    private static final int REFUSED = 4;
    private static final int READS_IN_FLIGHT = 8;

    /** The axis of magnitudes that an adapter leaves open. */
    enum Axis {
        input,
        output;

        ModuleAxis axis() {
            return ModuleAxis.valueOf(name().toUpperCase(Locale.ROOT));
        }
    }

    /** What a strength means for DoRA. */
    enum Rule {
        lycoris,
        linear,
        peft
    }

    @Spec
    private CommandSpec spec;

    @Mixin
    private Verbosity verbosity;

    @Option(names = "--adapter", paramLabel = "URI", description = "Adapter: a file, or a PEFT directory.")
    private String adapter;

    @Option(names = "--base", paramLabel = "URI", description = "Base model: one safetensors file.")
    private String base;

    @Option(
            names = "--plan",
            paramLabel = "URI",
            description =
                    "CSV with a header, or Parquet, of adapter, base and output; in place of --adapter and --base.")
    private String plan;

    @Option(
            names = "--output",
            required = true,
            paramLabel = "URI",
            description = "Safetensors file to write; with --plan the folder of the merges table.")
    private String output;

    @Option(
            names = "--strength",
            paramLabel = "NUMBER",
            defaultValue = "1",
            description = "How much of the adapter (default: ${DEFAULT-VALUE}); a plan may have a column of that name.")
    private double strength;

    @Option(
            names = "--strength-rule",
            paramLabel = "RULE",
            description =
                    "What another strength than 1 means for DoRA, of which programs differ: ${COMPLETION-CANDIDATES}.")
    private Rule strengthRule;

    @Option(
            names = "--assume-axis",
            paramLabel = "AXIS",
            description = "Axis of magnitudes that an adapter leaves open: ${COMPLETION-CANDIDATES}. Without it such an"
                    + " adapter is refused.")
    private Axis assumedAxis;

    @Option(
            names = "--allow-unmatched",
            description = "Go on without those keys of an adapter that match nothing in its base.")
    private boolean allowUnmatched;

    @Option(
            names = "--master",
            paramLabel = "URL",
            description = "Spark master for --plan (default: spark-submit's, else all cores of this machine).")
    private String master;

    @Override
    public Integer call() throws Exception {
        boolean blank = Stream.of(adapter, base, plan, output).anyMatch(given -> given != null && given.isBlank());
        boolean single = adapter != null && base != null;
        if (blank || (plan == null) != single || plan != null && (adapter != null || base != null)) {
            throw new Doraxis.UsageException("give --adapter, --base and --output, or --plan and --output");
        }
        ModuleAxis axis = assumedAxis == null ? null : assumedAxis.axis();
        return plan == null ? one(axis) : planned(axis);
    }

    private Strength strength() {
        return new Strength(
                strength,
                strengthRule == null
                        ? null
                        : Strength.Rule.valueOf(strengthRule.name().toUpperCase(Locale.ROOT)));
    }

    private int one(ModuleAxis axis) {
        Configuration configuration = SparkSessions.storeSettings();
        MergeResult result = MergeJob.one(
                configuration,
                new MergeItem(adapter, base, output, axis, strength(), allowUnmatched),
                Doraxis.version());
        switch (result.status()) {
            case DONE, UP_TO_DATE -> {
                PrintWriter out = spec.commandLine().getOut();
                out.printf("%s %s%n", output, result.status());
                out.printf(
                        "merged        %s%n",
                        result.plan().entrySet().stream()
                                .map(entry -> entry.getValue() + " " + entry.getKey())
                                .collect(Collectors.joining(", ")));
                if (result.maxChange() != null) {
                    out.printf(
                            "tensors       %,d written, %,d copied; largest change of an element %.3g%n",
                            result.written(), result.copied(), result.maxChange());
                    out.printf("sha256        %s%n", result.outputDigest());
                }
                out.flush();
                return 0;
            }
            default -> {
                spec.commandLine()
                        .getErr()
                        .printf("doraxis: %s: %s: %s%n", result.status(), result.code(), result.message());
                return result.status() == MergeResult.Status.REFUSED ? REFUSED : 1;
            }
        }
    }

    private int planned(ModuleAxis axis) throws Exception {
        MergeRecord record;
        try (SparkSession spark = SparkSessions.open("merge", master, READS_IN_FLIGHT);
                Progress progress = new Progress(System.err, Boolean.getBoolean("doraxis.terminal"))) {
            record = new MergeJob(spark, plan, output, progress, Doraxis.version())
                    .run(axis, strength(), allowUnmatched);
        }
        PrintWriter out = spec.commandLine().getOut();
        out.printf(
                "%,d merges: %s; %.1f s%n",
                record.merges(),
                record.statuses().entrySet().stream()
                        .map(entry -> entry.getValue() + " " + entry.getKey())
                        .collect(Collectors.joining(", ")),
                record.seconds());
        out.printf("table         %s/merges (run %s)%n", output, record.run_id());
        out.flush();
        if (record.statuses().containsKey(MergeResult.Status.FAILED.name())) {
            return 1;
        }
        return record.statuses().containsKey(MergeResult.Status.REFUSED.name()) ? REFUSED : 0;
    }
}

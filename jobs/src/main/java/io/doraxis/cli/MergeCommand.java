package io.doraxis.cli;

import io.doraxis.dora.ModuleAxis;
import io.doraxis.merge.Strength;
import io.doraxis.spark.DeviceChoice;
import io.doraxis.spark.KernelChoice;
import io.doraxis.spark.MergeJob;
import io.doraxis.spark.MergeRecord;
import io.doraxis.spark.MergeRequest;
import io.doraxis.spark.MergeResult;
import io.doraxis.spark.Progress;
import io.doraxis.tensorfile.Dtype;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
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
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  doraxis merge --adapter style.pt --base model.safetensors --output out",
            "  doraxis merge --plan merges.csv --output /data/merged --dtype bf16"
        })
final class MergeCommand implements Callable<Integer> {
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

    /** What floating tensors become. */
    enum Type {
        f32(Dtype.F32),
        f16(Dtype.F16),
        bf16(Dtype.BF16),
        f8_e4m3(Dtype.F8_E4M3),
        f8_e5m2(Dtype.F8_E5M2);

        private final Dtype dtype;

        Type(Dtype dtype) {
            this.dtype = dtype;
        }
    }

    @Option(
            names = "--adapter",
            paramLabel = "URI",
            description = "Adapter: a file, or a PEFT directory. Repeatable: they are merged in that order.")
    private List<String> adapters = List.of();

    @Option(
            names = "--base",
            paramLabel = "URI",
            description = "Base model, safetensors or torch: a file, or a folder or index of several.")
    private String base;

    @Option(
            names = "--plan",
            paramLabel = "URI",
            description =
                    "CSV with a header, or Parquet, of adapter, base and output; in place of --adapter and --base. Several adapters of a row stand with semicolons between them.")
    private String plan;

    @Option(
            names = "--output",
            required = true,
            paramLabel = "URI",
            description =
                    "Safetensors file to write if it ends so, else a folder for files and their index; with --plan the folder of the merges table.")
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
            names = "--dtype",
            paramLabel = "TYPE",
            description = "Of all floating tensors of the output (default: the base's own): ${COMPLETION-CANDIDATES}.")
    private Type dtype;

    @Option(
            names = "--max-shard-size",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description = "Largest file of an output folder, such as 5GB or 512MiB (default: the base's files).")
    private Long maxShardSize;

    @Option(
            names = "--device",
            paramLabel = "DEVICE",
            defaultValue = "cpu",
            description =
                    "Where products are computed: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}). On the GPU"
                            + " that Spark assigns to the task, by ND4J; auto takes the CPU where there is none.")
    private DeviceChoice device;

    @Option(
            names = "--kernel",
            paramLabel = "KERNEL",
            description = "What computes on the CPU: ${COMPLETION-CANDIDATES} (default: java). The reference computes"
                    + " products in float64.")
    private KernelChoice kernel;

    @Option(names = "--dry-run", description = "Say what would be done, and write nothing.")
    private boolean dryRun;

    @Mixin
    private SparkOptions sparkOptions;

    @Override
    public Integer call() throws Exception {
        boolean blank = Stream.concat(
                        adapters.stream(), Stream.of(base, plan, output).filter(Objects::nonNull))
                .anyMatch(String::isBlank);
        boolean single = !adapters.isEmpty() && base != null;
        if (blank || (plan == null) != single || plan != null && (!adapters.isEmpty() || base != null)) {
            throw new Doraxis.UsageException("give --adapter, --base and --output, or --plan and --output");
        }
        if (plan != null && dryRun) {
            throw new Doraxis.UsageException("--dry-run is for a single merge: give --adapter and --base");
        }
        if (!Double.isFinite(strength)) {
            throw new Doraxis.UsageException("--strength is no number");
        }
        requireFit(device, kernel);
        MergeRequest.Settings settings = new MergeRequest.Settings(
                assumedAxis == null ? null : assumedAxis.axis(),
                allowUnmatched,
                dtype == null ? null : dtype.dtype,
                maxShardSize,
                device,
                kernel == null ? KernelChoice.java : kernel);
        requirePossible(device, MergeJob.objection(settings));
        return plan == null ? one(settings) : planned(settings);
    }

    /** @param kernel null where none was asked for */
    static void requireFit(DeviceChoice device, KernelChoice kernel) throws Doraxis.UsageException {
        if (device != DeviceChoice.cpu && kernel != null && kernel != KernelChoice.nd4j) {
            throw new Doraxis.UsageException(
                    "--kernel " + kernel + " computes on the CPU: leave it out with --device " + device);
        }
    }

    static void requirePossible(DeviceChoice device, Optional<String> objection) throws Doraxis.UsageException {
        if (objection.isPresent()) {
            throw new Doraxis.UsageException("--device " + device + ": " + objection.get());
        }
    }

    private Strength strength() {
        return new Strength(
                strength,
                strengthRule == null
                        ? null
                        : Strength.Rule.valueOf(strengthRule.name().toUpperCase(Locale.ROOT)));
    }

    private int one(MergeRequest.Settings settings) {
        Configuration configuration = SparkSessions.storeSettings();
        List<MergeRequest.Use> uses = adapters.stream()
                .map(uri -> new MergeRequest.Use(uri, strength()))
                .toList();
        MergeRequest request = new MergeRequest(uses, base, output, settings);
        MergeResult result;
        try (Progress progress = sparkOptions.progress()) {
            result = dryRun
                    ? MergeJob.dryRun(configuration, request, Doraxis.version())
                    : MergeJob.one(configuration, request, progress, Doraxis.version());
        }
        switch (result.status()) {
            case DONE, UP_TO_DATE, PLANNED -> {
                PrintWriter out = spec.commandLine().getOut();
                out.printf("%s %s%n", output, result.status());
                out.printf(
                        "merged        %s%n",
                        result.plan().entrySet().stream()
                                .map(entry -> entry.getValue() + " " + entry.getKey())
                                .collect(Collectors.joining(", ")));
                if (result.maxChange() != null) {
                    out.printf(
                            "tensors       %,d written, %,d copied; largest change of an element %.3g, mean %.3g%n",
                            result.written(), result.copied(), result.maxChange(), result.meanChange());
                    out.printf("sha256        %s%n", result.outputDigest());
                    out.printf("kernel        %s on %s%n", result.kernel(), result.device());
                } else if (result.status() == MergeResult.Status.PLANNED) {
                    out.printf(
                            "tensors       %,d to write, %,d to copy; %,d bytes%n",
                            result.written(), result.copied(), result.bytesWritten());
                }
                result.warnings().forEach(warning -> out.printf("warning       %s%n", warning));
                out.flush();
                return 0;
            }
            default -> {
                spec.commandLine()
                        .getErr()
                        .printf("doraxis: %s: %s: %s%n", result.status(), result.code(), result.message());
                return result.status() == MergeResult.Status.REFUSED ? Doraxis.REFUSED : Doraxis.FAILED;
            }
        }
    }

    private int planned(MergeRequest.Settings settings) throws Exception {
        MergeRecord record;
        try (SparkSession spark = sparkOptions.session("merge", READS_IN_FLIGHT);
                Progress progress = sparkOptions.progress()) {
            requirePossible(device, MergeJob.objection(settings, spark));
            record = new MergeJob(spark, plan, output, progress, Doraxis.version()).run(strength(), settings);
        }
        return PlanSummary.print(spec.commandLine().getOut(), record, "merges", output);
    }
}

package io.doraxis.cli;

import io.doraxis.peft.ExportChoices;
import io.doraxis.peft.ExportLayout;
import io.doraxis.peft.InputAxis;
import io.doraxis.peft.LossyLimits;
import io.doraxis.peft.TransformersNaming;
import io.doraxis.spark.DeviceChoice;
import io.doraxis.spark.ExportJob;
import io.doraxis.spark.ExportJob.Forecast;
import io.doraxis.spark.ExportList;
import io.doraxis.spark.ExportRequest;
import io.doraxis.spark.ExportResult;
import io.doraxis.spark.KernelChoice;
import io.doraxis.spark.MergeRecord;
import io.doraxis.spark.MergeResult;
import io.doraxis.spark.Progress;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Adapters in PEFT's layout. */
@Command(
        name = "export",
        description = "Writes adapters in PEFT's layout where that is exact, or as near as is asked: one, or all that a"
                + " plan lists.",
        exitCodeListHeading = "%nExit status:%n",
        exitCodeList = {
            "0:done",
            "1:the job failed, or an export did",
            "4:done, but exports were refused: the message or the row says why",
            "64:wrong usage"
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  doraxis export --input style.pt --base model.safetensors --output style-peft",
            "  doraxis export --audit audits/hub --where \"license = 'mit'\" --output exports"
        })
final class ExportCommand implements Callable<Integer> {
    private static final int READS_IN_FLIGHT = 8;

    /** Names of {@link InputAxis} as they are typed. */
    enum Form {
        REFUSE,
        AUTO,
        GLORA,
        IA3_LORA,
        FULL_WEIGHTS,
        LOW_RANK;

        private InputAxis axis() {
            return InputAxis.valueOf(name());
        }

        @Override
        public String toString() {
            return axis().option();
        }
    }

    /** The files' layout. */
    enum Layout {
        PEFT,
        DIFFUSERS,
        LYCORIS;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Versions of transformers. */
    enum Transformers {
        V4,
        V5;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** How LyCORIS' modules are called. */
    enum Names {
        LYCORIS,
        KOHYA;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    @Spec
    private CommandSpec spec;

    @Mixin
    private Verbosity verbosity;

    @Mixin
    private SparkOptions sparkOptions;

    @Option(names = "--input", paramLabel = "URI", description = "Adapter: a file, or a PEFT directory.")
    private String input;

    @Option(
            names = "--base",
            paramLabel = "URI",
            description =
                    "Base model: tells the paths of flattened names, and the weights that some forms need. A file,"
                            + " or a folder or index.")
    private String base;

    @Option(
            names = "--plan",
            paramLabel = "URI",
            description = "CSV with a header, or Parquet, of adapter, base and output; in place of --input and --base.")
    private String plan;

    @Option(
            names = "--audit",
            paramLabel = "URI",
            description =
                    "Output of an audit, in place of --input: the checkpoints of its latest run that --where picks,"
                            + " each into a directory below --output.")
    private String audit;

    @Option(
            names = "--where",
            paramLabel = "SQL",
            description = "Predicate of Spark SQL over the columns of the audit's checkpoints.")
    private String where;

    @Option(
            names = "--output",
            required = true,
            paramLabel = "URI",
            description = "Directory to write; with --plan and --audit the folder of the exports table.")
    private String output;

    @Option(
            names = "--input-axis",
            paramLabel = "FORM",
            split = ",",
            defaultValue = "refuse",
            description = "What DoRA on the input axis becomes, which PEFT has no DoRA for: ${COMPLETION-CANDIDATES}"
                    + " (default: ${DEFAULT-VALUE}). All need the base, and all but low-rank are exact; auto takes the"
                    + " smallest of those. low-rank,full-weights saves whole what low-rank does not come near to.")
    private List<Form> inputAxis;

    @Mixin
    private LossyOptions lossy;

    @Option(
            names = "--device",
            paramLabel = "DEVICE",
            defaultValue = "cpu",
            description = "Where products are computed: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}), as for"
                    + " merge.")
    private DeviceChoice device;

    @Option(
            names = "--kernel",
            paramLabel = "KERNEL",
            description = "What computes on the CPU: ${COMPLETION-CANDIDATES} (default: java), as for merge.")
    private KernelChoice kernel;

    @Option(
            names = "--assume-axis",
            paramLabel = "AXIS",
            description = "Axis of magnitudes that an adapter leaves open: ${COMPLETION-CANDIDATES}. Without it such an"
                    + " adapter is refused.")
    private MergeCommand.Axis assumedAxis;

    @Option(
            names = "--layout",
            paramLabel = "LAYOUT",
            defaultValue = "peft",
            description =
                    "Whose files are written: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}). lycoris is the"
                            + " way back from PEFT, one file.")
    private Layout layout;

    @Option(
            names = "--names",
            paramLabel = "NAMES",
            description = "How modules are called with --layout lycoris: ${COMPLETION-CANDIDATES} (default: lycoris).")
    private Names names;

    @Option(
            names = "--transformers-naming",
            paramLabel = "VERSION",
            description =
                    "How layers of CLIP text encoders are called, which transformers 5 renamed: ${COMPLETION-CANDIDATES}"
                            + " (default: as in the base). v5 needs the base.")
    private Transformers transformersNaming;

    @Option(
            names = "--fold-alpha",
            description = "Multiply alphas into the factors, so that programs which take them for the ranks are right:"
                    + " diffusers loads PEFT's files without their configuration.")
    private boolean foldAlpha;

    @Option(names = "--allow-unmatched", description = "Leave out what matches nothing in the base.")
    private boolean allowUnmatched;

    @Option(
            names = "--dry-run",
            description = "Say what would be done, of a plan how many exports would be what, and write nothing.")
    private boolean dryRun;

    @Option(
            names = "--verify",
            description =
                    "Read again what was written, and compare the weights that it is worth with the source's; needs"
                            + " the base.")
    private boolean verify;

    @Override
    public Integer call() throws Exception {
        boolean blank = Stream.of(input, base, plan, audit, where, output)
                .filter(Objects::nonNull)
                .anyMatch(String::isBlank);
        long sources = Stream.of(input, plan, audit).filter(Objects::nonNull).count();
        if (blank || sources != 1 || plan != null && base != null || (audit == null) != (where == null)) {
            throw new Doraxis.UsageException(
                    "give --input and --output, or --plan and --output, or --audit, --where and --output");
        }
        if (verify && plan == null && base == null) {
            throw new Doraxis.UsageException("--verify needs --base");
        }
        if (verify && layout != Layout.PEFT) {
            throw new Doraxis.UsageException("--verify is of --layout peft");
        }
        if (verify && dryRun) {
            throw new Doraxis.UsageException("--dry-run writes nothing that --verify could read");
        }
        MergeCommand.requireFit(device, kernel);
        InputAxis form = inputAxis.get(0).axis();
        ExportChoices choices =
                new ExportChoices(form, assumedAxis == null ? null : assumedAxis.axis(), layout(), lossyLimits(form));
        ExportRequest.Settings settings = new ExportRequest.Settings(
                allowUnmatched, choices, verify, device, kernel == null ? KernelChoice.java : kernel);
        MergeCommand.requirePossible(device, ExportJob.objection(settings));
        if (input != null) {
            return one(settings);
        }
        return dryRun ? forecast(settings) : planned(settings);
    }

    private ExportList list() {
        return plan != null ? new ExportList.Plan(plan) : new ExportList.Audit(audit, where, base == null ? "" : base);
    }

    /** Null where nothing is lossy. */
    private LossyLimits lossyLimits(InputAxis form) throws Doraxis.UsageException {
        boolean wholeBeyond = inputAxis.equals(List.of(Form.LOW_RANK, Form.FULL_WEIGHTS));
        if (inputAxis.size() > 1 && !wholeBeyond) {
            throw new Doraxis.UsageException("--input-axis is one form, or low-rank,full-weights");
        }
        if (form != InputAxis.LOW_RANK) {
            lossy.requireNone();
            return null;
        }
        LossyLimits limits = lossy.limits(wholeBeyond);
        if (plan == null && base == null) {
            throw new Doraxis.UsageException("--input-axis low-rank needs --base");
        }
        if (layout == Layout.LYCORIS) {
            throw new Doraxis.UsageException("--input-axis low-rank is of --layout peft and diffusers");
        }
        return limits;
    }

    private ExportLayout layout() throws Doraxis.UsageException {
        if (names != null && layout != Layout.LYCORIS) {
            throw new Doraxis.UsageException("--names is of --layout lycoris");
        }
        if (foldAlpha && layout == Layout.LYCORIS) {
            throw new Doraxis.UsageException("--fold-alpha is of --layout peft and diffusers");
        }
        if (transformersNaming != null && layout == Layout.LYCORIS) {
            throw new Doraxis.UsageException("--transformers-naming is of --layout peft and diffusers");
        }
        TransformersNaming naming = transformersNaming == null
                ? TransformersNaming.OF_BASE
                : TransformersNaming.valueOf(transformersNaming.name());
        return switch (layout) {
            case PEFT -> new ExportLayout.Peft(foldAlpha, naming);
            case DIFFUSERS -> new ExportLayout.Diffusers(foldAlpha, naming);
            case LYCORIS ->
                new ExportLayout.Lycoris(names == Names.KOHYA ? ExportLayout.Names.KOHYA : ExportLayout.Names.LYCORIS);
        };
    }

    private int one(ExportRequest.Settings settings) {
        ExportRequest request = new ExportRequest(input, base == null ? "" : base, output, settings);
        ExportResult result = dryRun
                ? ExportJob.dryRun(SparkSessions.storeSettings(), request, Doraxis.version())
                : ExportJob.one(SparkSessions.storeSettings(), request, Doraxis.version());
        switch (result.status()) {
            case DONE, UP_TO_DATE, PLANNED -> {
                PrintWriter out = spec.commandLine().getOut();
                out.printf("%s %s%n", output, result.status());
                out.printf("outcome       %s%n", result.outcome());
                if (result.message() != null) {
                    out.printf("export        %s%n", result.message());
                }
                result.plan().forEach((what, count) -> out.printf("modules       %,d %s%n", count, what));
                if (!result.relErrors().isEmpty()) {
                    out.printf(
                            "error         %.2e of what the adapter changes, in all %,d lossy modules; %.2e at most (%s)%n",
                            result.relError(),
                            result.relErrors().size(),
                            result.relErrors().get(result.relErrorLayer()),
                            result.relErrorLayer());
                }
                if (result.kernel() != null) {
                    out.printf("kernel        %s on %s%n", result.kernel(), result.device());
                }
                if (result.verified() != null) {
                    out.printf("verified      %s%n", result.verified());
                }
                if (dryRun) {
                    out.printf(
                            "tensors       %,d to copy, %,d to compute; %,d bytes%n",
                            result.copied(), result.computed(), result.bytesWritten());
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

    private int forecast(ExportRequest.Settings settings) throws Exception {
        Forecast forecast;
        try (SparkSession spark = sparkOptions.session("export", READS_IN_FLIGHT);
                Progress progress = sparkOptions.progress()) {
            MergeCommand.requirePossible(device, ExportJob.objection(settings, spark));
            forecast = new ExportJob(spark, list(), output, progress, Doraxis.version()).dryRun(settings);
        }
        PrintWriter out = spec.commandLine().getOut();
        out.printf(
                "%,d exports: %s; %,d bytes; nothing was written%n",
                forecast.exports().values().stream().mapToLong(Long::longValue).sum(),
                forecast.exports().entrySet().stream()
                        .map(entry -> entry.getValue() + " " + entry.getKey())
                        .collect(Collectors.joining(", ")),
                forecast.bytes());
        out.flush();
        if (forecast.exports().keySet().stream().anyMatch(key -> key.startsWith(MergeResult.Status.FAILED.name()))) {
            return Doraxis.FAILED;
        }
        boolean refused =
                forecast.exports().keySet().stream().anyMatch(key -> key.startsWith(MergeResult.Status.REFUSED.name()));
        return refused ? Doraxis.REFUSED : 0;
    }

    private int planned(ExportRequest.Settings settings) throws Exception {
        MergeRecord record;
        try (SparkSession spark = sparkOptions.session("export", READS_IN_FLIGHT);
                Progress progress = sparkOptions.progress()) {
            MergeCommand.requirePossible(device, ExportJob.objection(settings, spark));
            record = new ExportJob(spark, list(), output, progress, Doraxis.version()).run(settings);
        }
        return PlanSummary.print(spec.commandLine().getOut(), record, "exports", output);
    }
}

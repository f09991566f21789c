package io.doraxis.cli;

import io.doraxis.spark.ExportJob;
import io.doraxis.spark.ExportRequest;
import io.doraxis.spark.ExportResult;
import io.doraxis.spark.MergeRecord;
import io.doraxis.spark.MergeResult;
import io.doraxis.spark.Progress;
import java.io.PrintWriter;
import java.util.Objects;
import java.util.concurrent.Callable;
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
        description = "Writes adapters in PEFT's layout where that is exact: one, or all that a plan lists.",
        exitCodeListHeading = "%nExit status:%n",
        exitCodeList = {
            "0:done",
            "1:the job failed, or an export did",
            "4:done, but exports were refused: the message or the row says why",
            "64:wrong usage"
        })
final class ExportCommand implements Callable<Integer> {
    private static final int READS_IN_FLIGHT = 8;

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
            description = "Base model, whose names flattened names are resolved to: a file, or a folder or index.")
    private String base;

    @Option(
            names = "--plan",
            paramLabel = "URI",
            description = "CSV with a header, or Parquet, of adapter, base and output; in place of --input and --base.")
    private String plan;

    @Option(
            names = "--output",
            required = true,
            paramLabel = "URI",
            description = "Directory to write; with --plan the folder of the exports table.")
    private String output;

    @Option(names = "--allow-unmatched", description = "Leave out what matches nothing in the base.")
    private boolean allowUnmatched;

    @Override
    public Integer call() throws Exception {
        boolean blank =
                Stream.of(input, base, plan, output).filter(Objects::nonNull).anyMatch(String::isBlank);
        if (blank || (plan == null) == (input == null) || plan != null && base != null) {
            throw new Doraxis.UsageException("give --input and --output, or --plan and --output");
        }
        return plan == null ? one() : planned();
    }

    private int one() {
        ExportRequest request = new ExportRequest(input, base == null ? "" : base, output, allowUnmatched);
        ExportResult result = ExportJob.one(SparkSessions.storeSettings(), request, Doraxis.version());
        switch (result.status()) {
            case DONE, UP_TO_DATE -> {
                PrintWriter out = spec.commandLine().getOut();
                out.printf("%s %s%n", output, result.status());
                if (result.message() != null) {
                    out.printf("exported      %s%n", result.message());
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

    private int planned() throws Exception {
        MergeRecord record;
        try (SparkSession spark = sparkOptions.session("export", READS_IN_FLIGHT);
                Progress progress = sparkOptions.progress()) {
            record = new ExportJob(spark, plan, output, progress, Doraxis.version()).run(allowUnmatched);
        }
        return PlanSummary.print(spec.commandLine().getOut(), record, "exports", output);
    }
}

package io.doraxis.cli;

import io.doraxis.audit.ValueUse;
import io.doraxis.report.ReportFormat;
import io.doraxis.spark.AuditJob;
import io.doraxis.spark.AuditOptions;
import io.doraxis.spark.Progress;
import io.doraxis.spark.RunRecord;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The hub-wide audit. */
@Command(
        name = "audit",
        description = "Audits every checkpoint below one or more folders or buckets and writes the tables.",
        exitCodeListHeading = "%nExit status:%n",
        exitCodeList = {
            "0:done, every object accounted for",
            "1:the job failed",
            "2:done, but the store failed on more checkpoints than --max-store-errors allows",
            "3:a --fail-on condition was met",
            "64:wrong usage"
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  doraxis audit --input s3a://hub/ --output s3a://audits/hub",
            "  doraxis audit --input hub --output out --fail-on diffusers@0.42:SILENTLY_WRONG"
        })
final class AuditCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Mixin
    private Verbosity verbosity;

    @ArgGroup(multiplicity = "1")
    private Objects objects;

    /** What names the objects. */
    private static final class Objects {
        @Option(
                names = "--input",
                paramLabel = "URI",
                description = "Folder, bucket or file to look through; may be given several times.")
        private List<String> inputs = List.of();

        @Option(
                names = "--manifest",
                paramLabel = "URI",
                description =
                        "List of the objects, which are not looked for then: a text of paths, CSV or Parquet with the"
                                + " columns path and, where known, size, etag and mtime, a folder of such files, or the"
                                + " manifest.json of an S3 Inventory.")
        private String manifest;
    }

    @Option(
            names = "--previous",
            paramLabel = "URI",
            description =
                    "Output of an earlier audit, or the record of one of its runs (OUT/runs/ID.json): checkpoints that"
                            + " are unchanged since are not read again.")
    private String previous;

    @Option(
            names = "--output",
            required = true,
            paramLabel = "URI",
            description = "Folder of the tables; earlier runs in it are kept.")
    private String output;

    @Mixin
    private SparkOptions sparkOptions;

    @Option(
            names = "--no-modules",
            description = "Leave out the modules table, which has a row for every adapted layer.")
    private boolean noModules;

    @Option(
            names = "--fail-on",
            split = ",",
            paramLabel = "[CONSUMER:]OUTCOME",
            description = "End with status 3 when a program would do that to a checkpoint: SILENTLY_WRONG,"
                    + " or peft@0.21:REJECTS.")
    private List<String> failOn = new ArrayList<>();

    @Option(
            names = "--io-concurrency",
            defaultValue = "32",
            paramLabel = "N",
            description = "Reads in flight per executor (default ${DEFAULT-VALUE}).")
    private int ioConcurrency;

    @Option(
            names = "--max-store-errors",
            defaultValue = "0",
            paramLabel = "SHARE",
            description = "Share of checkpoints, from 0 to 1, that the store may fail on (default ${DEFAULT-VALUE}).")
    private double maxStoreErrors;

    @Option(
            names = "--values",
            paramLabel = "WHICH",
            description = "Magnitudes to read: none, ambiguous or all (default: ambiguous with --atlas, else none).")
    private ValueUse values;

    @Option(
            names = "--atlas",
            paramLabel = "URI",
            description =
                    "Folder that 'doraxis atlas' wrote: its norms decide layers that the shapes leave open, and name"
                            + " the base model.")
    private String atlas;

    @Option(
            names = "--report",
            paramLabel = "PATH",
            description = "Write a page about the audit there too, as 'doraxis report' does.")
    private String report;

    @Override
    public Integer call() throws Exception {
        List<FailCondition> conditions = new ArrayList<>();
        for (String condition : failOn) {
            conditions.add(FailCondition.parse(condition));
        }
        ValueUse use = values != null ? values : atlas != null ? ValueUse.AMBIGUOUS : ValueUse.NONE;
        AuditOptions options = new AuditOptions(
                objects.inputs, objects.manifest, previous, output, !noModules, ioConcurrency, use, atlas);
        if (output.isBlank() || options.sources().stream().anyMatch(String::isBlank)) {
            throw new Doraxis.UsageException(
                    "--input, --manifest and --output want a folder or URI, not an empty text");
        }
        if (ioConcurrency < 1) {
            throw new Doraxis.UsageException("--io-concurrency must be at least 1, not " + ioConcurrency);
        }
        if (!(maxStoreErrors >= 0 && maxStoreErrors <= 1)) {
            throw new Doraxis.UsageException("--max-store-errors is a share from 0 to 1, not " + maxStoreErrors);
        }
        if (report != null && report.isBlank()) {
            throw new Doraxis.UsageException("--report wants a file, not an empty text");
        }
        RunRecord record = run(options, sparkOptions, report);
        spec.commandLine().getOut().print(AuditSummary.of(record));
        if (report != null) {
            spec.commandLine().getOut().println("report in " + report);
        }
        spec.commandLine().getOut().flush();
        return status(record, conditions);
    }

    /** Each reason for a status other than 0 is said. */
    private int status(RunRecord record, List<FailCondition> conditions) {
        PrintWriter err = spec.commandLine().getErr();
        int status = 0;
        if (record.objects_listed() == 0) {
            err.println("doraxis: warning: nothing is listed in "
                    + String.join(", ", record.options().sources()));
        }
        if (record.storeErrorShare() > maxStoreErrors) {
            err.printf(
                    "doraxis: the store failed on %,d of %,d checkpoints; --max-store-errors allows a share of %s%n",
                    record.storeErrors(), record.checkpoints(), maxStoreErrors);
            status = Doraxis.STORE_ERRORS;
        }
        for (FailCondition condition : conditions) {
            if (condition.isMet(record)) {
                err.println("doraxis: --fail-on " + condition.found(record));
                status = Doraxis.CONDITION_MET;
            }
        }
        return status;
    }

    /**
     * Audits, and reports on it.
     *
     * @param report the page to write; null for none
     */
    static RunRecord run(AuditOptions options, SparkOptions sparkOptions, String report) throws Exception {
        try (SparkSession spark = sparkOptions.session("audit", options.ioConcurrency());
                Progress progress = sparkOptions.progress()) {
            if (report != null) {
                ReportCommand.check(spark, report);
            }
            RunRecord record = new AuditJob(spark, options, progress, Doraxis.version()).run();
            if (report != null) {
                ReportCommand.write(spark, options.output(), record.run_id(), report, ReportFormat.html);
            }
            return record;
        }
    }
}

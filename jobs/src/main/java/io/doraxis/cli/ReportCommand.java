package io.doraxis.cli;

import io.doraxis.report.ReportFormat;
import io.doraxis.spark.ReportJob;
import io.doraxis.store.ObjectStore;
import io.doraxis.store.OutputFile;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.concurrent.Callable;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** A report on an audit. */
@Command(
        name = "report",
        description = "Writes a report on an audit's tables: a page that needs no network, or a file for a CI system.",
        exitCodeListHeading = "%nExit status:%n",
        exitCodeList = {"0:done", "1:there is no audit, or the job failed", "64:wrong usage"},
        footerHeading = "%nExamples:%n",
        footer = {
            "  doraxis report --audit audit --output report.html",
            "  doraxis report --audit audit --output summary.md --format markdown"
        })
final class ReportCommand implements Callable<Integer> {
    private static final int READS_IN_FLIGHT = 8;

    @Spec
    private CommandSpec spec;

    @Mixin
    private Verbosity verbosity;

    @Option(names = "--audit", required = true, paramLabel = "URI", description = "Folder that 'doraxis audit' wrote.")
    private String audit;

    @Option(names = "--output", required = true, paramLabel = "PATH", description = "File to write.")
    private String output;

    @Option(
            names = "--format",
            paramLabel = "FORMAT",
            defaultValue = "html",
            description = "${COMPLETION-CANDIDATES} (default ${DEFAULT-VALUE}).")
    private ReportFormat format;

    @Option(
            names = "--run",
            paramLabel = "RUN_ID",
            description = "The run to report on, with those before it (default: the latest that ended).")
    private String run;

    @Mixin
    private SparkOptions sparkOptions;

    @Override
    public Integer call() throws Exception {
        if (audit.isBlank() || output.isBlank()) {
            throw new Doraxis.UsageException("--audit and --output want a folder and a file, not an empty text");
        }
        try (SparkSession spark = sparkOptions.session("report", READS_IN_FLIGHT)) {
            write(spark, audit, run, output, format);
        }
        spec.commandLine().getOut().println("report in " + output);
        spec.commandLine().getOut().flush();
        return 0;
    }

    /**
     * Tries whether the file could be written, before hours of work.
     *
     * @throws IOException if not
     */
    static void check(SparkSession spark, String output) throws IOException {
        open(spark, output).close();
    }

    /** The file appears when all of it is written. */
    static void write(SparkSession spark, String audit, String run, String output, ReportFormat format)
            throws IOException {
        ReportJob job = new ReportJob(spark, audit, run, Doraxis.COMMAND);
        try (OutputFile file = open(spark, output)) {
            job.write(format, file.stream());
            file.publish();
        }
    }

    private static OutputFile open(SparkSession spark, String output) throws IOException {
        ObjectStore store = new ObjectStore(spark.sparkContext().hadoopConfiguration());
        if (isFolder(store, output)) {
            throw new IOException("the report is to be a file, and this is a folder: " + output);
        }
        return OutputFile.create(store, output);
    }

    private static boolean isFolder(ObjectStore store, String output) throws IOException {
        try {
            return !store.isFile(output);
        } catch (FileNotFoundException e) {
            return false;
        }
    }
}

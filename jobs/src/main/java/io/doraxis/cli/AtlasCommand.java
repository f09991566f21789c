package io.doraxis.cli;

import io.doraxis.spark.AtlasJob;
import io.doraxis.spark.AtlasRecord;
import io.doraxis.spark.Progress;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The norms of base models. */
@Command(
        name = "atlas",
        description = "Writes row and column norms of base models' weights as a table, for 'doraxis audit --atlas'.",
        exitCodeListHeading = "%nExit status:%n",
        exitCodeList = {"0:done, every file accounted for", "1:the job failed", "64:wrong usage"})
final class AtlasCommand implements Callable<Integer> {
    private static final int READS_IN_FLIGHT = 32;

    @Spec
    private CommandSpec spec;

    @Mixin
    private Verbosity verbosity;

    @Option(
            names = "--input",
            required = true,
            paramLabel = "URI",
            description = "Folder, bucket or file with base models; may be given several times.")
    private List<String> inputs;

    @Option(
            names = "--output",
            required = true,
            paramLabel = "URI",
            description = "Folder of the table; earlier runs in it are kept, the latest counts.")
    private String output;

    @Option(
            names = "--master",
            paramLabel = "URL",
            description = "Spark master (default: spark-submit's, else all cores of this machine).")
    private String master;

    @Override
    public Integer call() throws Exception {
        if (output.isBlank() || inputs.stream().anyMatch(String::isBlank)) {
            throw new Doraxis.UsageException("--input and --output want a folder or URI, not an empty text");
        }
        AtlasRecord record;
        try (SparkSession spark = SparkSessions.open("atlas", master, READS_IN_FLIGHT);
                Progress progress = new Progress(System.err, Boolean.getBoolean("doraxis.terminal"))) {
            record = new AtlasJob(spark, inputs, output, progress, Doraxis.version()).run();
        }
        PrintWriter out = spec.commandLine().getOut();
        out.printf(
                "%,d weights of %,d models, %,d bytes read, %.1f s%n",
                record.weights(), record.models(), record.bytes_read(), record.seconds());
        out.printf(
                "files         %s%n",
                record.files().entrySet().stream()
                        .map(entry -> entry.getKey() + " " + entry.getValue())
                        .collect(Collectors.joining(", ")));
        out.printf("table         %s/atlas (run %s)%n", output, record.run_id());
        out.flush();
        if (record.models() == 0) {
            spec.commandLine().getErr().println("doraxis: warning: no model lies below " + String.join(", ", inputs));
        }
        return 0;
    }
}

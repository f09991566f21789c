package io.doraxis.cli;

import io.doraxis.spark.AtlasJob;
import io.doraxis.spark.AtlasRecord;
import io.doraxis.spark.Progress;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** The norms of base models. */
@Command(
        name = "atlas",
        description = "Writes row and column norms of base models' weights as a table, for 'doraxis audit --atlas'.",
        exitCodeListHeading = "%nExit status:%n",
        exitCodeList = {
            "0:done, every file accounted for",
            "1:the job failed",
            "2:done, but the store failed on some files",
            "64:wrong usage"
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  doraxis atlas --input /data/base-models --output /data/atlas",
            "  doraxis audit --input /data/hub --output /data/audit --atlas /data/atlas"
        })
final class AtlasCommand implements Callable<Integer> {
    private static final int READS_IN_FLIGHT = 32;

    @Spec
    private CommandSpec spec;

    @Mixin
    private Verbosity verbosity;

    @Mixin
    private Roots roots;

    @Mixin
    private SparkOptions sparkOptions;

    @Override
    public Integer call() throws Exception {
        roots.check();
        AtlasRecord record;
        try (SparkSession spark = sparkOptions.session("atlas", READS_IN_FLIGHT);
                Progress progress = sparkOptions.progress()) {
            record = new AtlasJob(spark, roots.inputs(), roots.output(), progress, Doraxis.version()).run();
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
        out.printf("table         %s/atlas (run %s)%n", roots.output(), record.run_id());
        out.flush();
        PrintWriter err = spec.commandLine().getErr();
        if (record.storeErrors() > 0) {
            err.printf("doraxis: the store failed on %,d files: their norms are not all there%n", record.storeErrors());
            return Doraxis.STORE_ERRORS;
        }
        if (record.weights() == 0) {
            err.println("doraxis: warning: no weight of a model was read below " + roots.below());
        }
        return 0;
    }
}

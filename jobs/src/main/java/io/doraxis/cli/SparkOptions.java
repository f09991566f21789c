package io.doraxis.cli;

import io.doraxis.spark.Progress;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Option;

/** The options of commands that run Spark, and what they lead to. */
final class SparkOptions {
    @Option(
            names = "--master",
            paramLabel = "URL",
            description = "Spark master (default: spark-submit's, else all cores of this machine).")
    private String master;

    /**
     * A session of that command.
     *
     * @param reads in flight per executor, which the stores' connections must allow
     */
    SparkSession session(String command, int reads) throws Doraxis.UsageException {
        return SparkSessions.open(command, master, reads);
    }

    /** How far the job is, told on standard error. */
    Progress progress() {
        return new Progress(System.err, Boolean.getBoolean("doraxis.terminal"));
    }
}

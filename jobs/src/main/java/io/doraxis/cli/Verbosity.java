package io.doraxis.cli;

import picocli.CommandLine.Option;

/** The options that every command has. */
final class Verbosity {
    @Option(
            names = {"-v", "--verbose"},
            description = "Show the log of Spark and of the stores.")
    void verbose(boolean on) {
        if (on) {
            System.setProperty("doraxis.log.level", "info");
        }
    }

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help and exit.")
    private boolean help;
}

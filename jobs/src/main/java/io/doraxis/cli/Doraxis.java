package io.doraxis.cli;

import io.doraxis.consumer.ConsumerRules;
import io.doraxis.tensorfile.Printable;
import java.io.PrintWriter;
import org.apache.hadoop.util.VersionInfo;
import org.apache.spark.SparkBuildInfo;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IVersionProvider;

/** The command line. */
@Command(
        name = "doraxis",
        description = "Audits LoRA and DoRA checkpoints: what they are, along which axis they decompose, and what each"
                + " program does with them.",
        subcommands = {
            AuditCommand.class,
            ExplainCommand.class,
            AtlasCommand.class,
            MergeCommand.class,
            ExportCommand.class,
            VerifyCommand.class,
            ReportCommand.class,
            DemoCommand.class,
            AutoComplete.GenerateCompletion.class,
            CommandLine.HelpCommand.class
        },
        mixinStandardHelpOptions = true,
        versionProvider = Doraxis.Version.class,
        synopsisSubcommandLabel = "COMMAND",
        footer = {"", "'doraxis COMMAND --help' tells more of each."})
public final class Doraxis {
    /** Exit status: the job failed, or there is no such file. */
    static final int FAILED = 1;

    /** Exit status: done, but the store failed on too many objects. */
    static final int STORE_ERRORS = 2;

    /** Exit status: a {@code --fail-on} condition was met. */
    static final int CONDITION_MET = 3;

    /** Exit status: done, but items were refused. */
    static final int REFUSED = 4;

    /** What the user typed to get here, as the launcher says. */
    static final String COMMAND = System.getProperty("doraxis.command", "doraxis");

    /** Exit status: wrong usage. */
    static final int USAGE = 64;

    private Doraxis() {}

    public static void main(String[] args) {
        System.exit(commandLine().execute(args));
    }

    static CommandLine commandLine() {
        CommandLine commandLine = new CommandLine(new Doraxis());
        commandLine.setCaseInsensitiveEnumValuesAllowed(true);
        commandLine.setExecutionExceptionHandler(errorsInOneLine());
        for (CommandLine command : commandLine.getSubcommands().values()) {
            command.getCommandSpec().exitCodeOnInvalidInput(USAGE);
            command.getCommandSpec().exitCodeOnExecutionException(FAILED);
        }
        commandLine.getCommandSpec().exitCodeOnInvalidInput(USAGE);
        return commandLine;
    }

    /** What a user can mend is one line; the trace is for {@code -v}. */
    private static IExecutionExceptionHandler errorsInOneLine() {
        return (error, command, parsed) -> {
            PrintWriter err = command.getErr();
            if (error instanceof UsageException) {
                err.println("doraxis: " + Printable.of(error.getMessage()));
                return USAGE;
            }
            String message = error.getMessage() == null ? error.toString() : error.getMessage();
            err.println("doraxis: " + Printable.of(message.lines().findFirst().orElse("")));
            if (System.getProperty("doraxis.log.level") == null) {
                err.println("doraxis: run again with -v for more");
            } else {
                error.printStackTrace(err);
            }
            return FAILED;
        };
    }

    /** Of this program, with the commit that it was built from where the sources were a clone. */
    static String version() {
        String version = Doraxis.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version.replace("+${git.commit.id.describe}", ""); // not filled in
    }

    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {
                "doraxis " + version(),
                "rules " + ConsumerRules.bundled().version(),
                "Spark " + SparkBuildInfo.spark_version() + ", Hadoop " + VersionInfo.getVersion() + ", Java "
                        + Runtime.version()
            };
        }
    }

    /** Something in the call that the user must change. */
    static final class UsageException extends Exception {
        private static final long serialVersionUID = 1;

        UsageException(String message) {
            super(message);
        }
    }
}

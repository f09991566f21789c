package io.doraxis.cli;

import io.doraxis.audit.ValueUse;
import io.doraxis.spark.AuditOptions;
import io.doraxis.spark.RunRecord;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** A small hub made on the spot, its audit, and the report on it. */
@Command(
        name = "demo",
        description = "Makes a small hub of invented checkpoints, without a download, audits it and reports.",
        exitCodeListHeading = "%nExit status:%n",
        exitCodeList = {"0:done", "1:the job failed", "64:wrong usage"},
        footerHeading = "%nExamples:%n",
        footer = {"  doraxis demo --output demo-out --files 1000"})
final class DemoCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Mixin
    private Verbosity verbosity;

    @Option(
            names = "--output",
            required = true,
            paramLabel = "DIR",
            description = "Folder to write to: the hub in DIR/hub, the tables in DIR/audit, the page DIR/report.html.")
    private Path output;

    @Option(
            names = "--files",
            defaultValue = "200",
            paramLabel = "N",
            description = "Number of checkpoints (default ${DEFAULT-VALUE}).")
    private int files;

    @Override
    public Integer call() throws Exception {
        if (files < 1) {
            throw new Doraxis.UsageException("--files must be at least 1, not " + files);
        }
        Path hub = output.resolve("hub");
        Path audit = output.resolve("audit");
        Path report = output.resolve("report.html");
        DemoHub.clear(hub);
        DemoHub.write(hub, files);
        System.err.println("made %,d checkpoints in %s".formatted(files, hub));
        RunRecord record = AuditCommand.run(
                new AuditOptions(List.of(hub.toString()), null, null, audit.toString(), true, 32, ValueUse.NONE, null),
                new SparkOptions(),
                report.toString());
        String summary = AuditSummary.of(record)
                + "open the report in a browser: %s%n".formatted(report)
                + "look at one of them: %s explain %s%n".formatted(Doraxis.COMMAND, DemoHub.example(hub));
        spec.commandLine().getOut().print(summary);
        spec.commandLine().getOut().flush();
        return 0;
    }
}

package io.doraxis.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import io.doraxis.merge.MergeRefusedException;
import io.doraxis.spark.Verification;
import io.doraxis.spark.Verification.Error;
import io.doraxis.spark.Verification.Found;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** An export, made here or elsewhere, held against its source. */
@Command(
        name = "verify",
        description =
                "Reads an export, made here or elsewhere, and compares the weights that it is worth with its source's.",
        exitCodeListHeading = "%nExit status:%n",
        exitCodeList = {
            "0:it is worth what its source is",
            "1:it was not found, or the command failed",
            "3:it is further off than it may be",
            "4:what it holds, its source or the base cannot be merged",
            "64:wrong usage"
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  doraxis verify exported --source style.safetensors --base model.safetensors",
            "  doraxis verify exported --max-rel-error 0.05 --format json"
        })
final class VerifyCommand implements Callable<Integer> {
    /** Tensors that a text names. */
    private static final int NAMED = 10;

    @Spec
    private CommandSpec spec;

    @Mixin
    private Verbosity verbosity;

    @Parameters(
            paramLabel = "PATH",
            description = "The export: a PEFT directory, a folder of such for a pipeline's components, or a file that"
                    + " merge takes.")
    private String path;

    @Option(
            names = "--source",
            paramLabel = "URI",
            description = "The adapter that it was made of (default: what an export made here names).")
    private String source;

    @Option(
            names = "--base",
            paramLabel = "URI",
            description = "The model that both are for (default: what an export made here names).")
    private String base;

    @Option(
            names = "--assume-axis",
            paramLabel = "AXIS",
            description = "Axis of magnitudes that the source leaves open: ${COMPLETION-CANDIDATES}.")
    private MergeCommand.Axis assumedAxis;

    @Option(
            names = "--max-rel-error",
            paramLabel = "SHARE",
            description = "How far off a tensor may be, relative to what the source changes in it (default: not further"
                    + " than rounding is, 1e-5 of its largest value).")
    private Double maxError;

    @Option(
            names = "--format",
            paramLabel = "FORMAT",
            defaultValue = "text",
            description = "${COMPLETION-CANDIDATES} (default ${DEFAULT-VALUE}).")
    private ExplainCommand.Format format;

    @Override
    public Integer call() throws Exception {
        if (maxError != null && !(maxError > 0)) {
            throw new Doraxis.UsageException("--max-rel-error is a share of what the source changes, such as 0.05");
        }
        Verification.Request request =
                new Verification.Request(path, source, base, assumedAxis == null ? null : assumedAxis.axis());
        Found found;
        try {
            found = Verification.of(SparkSessions.storeSettings(), request);
        } catch (MergeRefusedException e) {
            spec.commandLine().getErr().printf("doraxis: %s: %s%n", e.code(), e.getMessage());
            return Doraxis.REFUSED;
        }
        List<Error> off =
                found.errors().stream().filter(error -> error.isOver(maxError)).toList();
        PrintWriter out = spec.commandLine().getOut();
        if (format == ExplainCommand.Format.json) {
            printJson(found, off.isEmpty(), out);
        } else {
            printText(found, off, out);
        }
        out.flush();
        return off.isEmpty() ? 0 : Doraxis.CONDITION_MET;
    }

    private void printText(Found found, List<Error> off, PrintWriter out) {
        out.printf("%s is %s what its source is%n", found.export(), off.isEmpty() ? "worth" : "NOT worth");
        out.printf("source        %s%n", found.source());
        out.printf("base          %s%n", found.base());
        out.printf("compared      %,d tensors%n", found.errors().size());
        found.errors().stream()
                .findFirst()
                .ifPresent(worst -> out.printf(
                        "error         %.2e of a tensor's largest value at most (%s)%n",
                        worst.relError(), worst.tensor()));
        found.errors().stream()
                .max(Comparator.comparingDouble(Error::ofChange))
                .ifPresent(worst -> out.printf(
                        "of the change %.2e of all that the source changes; of a tensor %.2e at most (%s)%n",
                        found.ofChange(), worst.ofChange(), worst.tensor()));
        if (!found.unmatched().isEmpty()) {
            out.printf(
                    "not compared  %,d names of the source match nothing in the base, such as %s%n",
                    found.unmatched().size(), found.unmatched().get(0));
        }
        off.stream()
                .limit(NAMED)
                .forEach(error -> out.printf("too far off   %s: %.2e%n", error.tensor(), error.relError()));
        if (off.size() > NAMED) {
            out.printf("              and %,d more: --format json%n", off.size() - NAMED);
        }
    }

    private static void printJson(Found found, boolean same, PrintWriter out) throws IOException {
        try (JsonGenerator json = new JsonFactory().createGenerator(out)) {
            json.configure(JsonGenerator.Feature.AUTO_CLOSE_TARGET, false);
            json.setPrettyPrinter(new DefaultPrettyPrinter());
            json.writeStartObject();
            json.writeStringField("export", found.export());
            json.writeStringField("source", found.source());
            json.writeStringField("base", found.base());
            json.writeBooleanField("same", same);
            json.writeNumberField("rel_error_of_change", found.ofChange());
            json.writeArrayFieldStart("not_compared");
            for (String name : found.unmatched()) {
                json.writeString(name);
            }
            json.writeEndArray();
            json.writeArrayFieldStart("tensors");
            for (Error error : found.errors()) {
                json.writeStartObject();
                json.writeStringField("tensor", error.tensor());
                json.writeNumberField("rel_error", error.relError());
                json.writeNumberField("rel_error_of_change", error.ofChange());
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeEndObject();
        }
        out.println();
    }
}

package io.doraxis.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import io.doraxis.audit.CheckpointAudit;
import io.doraxis.audit.CheckpointAuditor;
import io.doraxis.audit.CheckpointColumns;
import io.doraxis.audit.CheckpointColumns.Stamp;
import io.doraxis.audit.ModuleColumns;
import io.doraxis.audit.Status;
import io.doraxis.audit.ValueUse;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.naming.BaseNames;
import io.doraxis.store.CheckpointFinder;
import io.doraxis.store.ChosenValues;
import io.doraxis.store.Fetcher;
import io.doraxis.store.ObjectStore;
import io.doraxis.tensorfile.Reason;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** One checkpoint, explained without Spark. */
@Command(
        name = "explain",
        description = "Says what one file or folder is, its axis and why, and what each program does with it.",
        exitCodeListHeading = "%nExit status:%n",
        exitCodeList = {
            "0:explained, a malformed file too",
            "1:it was not found, or the command failed",
            "2:the store failed",
            "64:wrong usage"
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  doraxis explain style.safetensors --base model.safetensors",
            "  doraxis explain adapter-folder --format json"
        })
final class ExplainCommand implements Callable<Integer> {
    /** How to print. */
    enum Format {
        text,
        json
    }

    private static final String MAGNITUDE = ".dora_scale";

    @Spec
    private CommandSpec spec;

    @Mixin
    private Verbosity verbosity;

    @Parameters(paramLabel = "PATH", description = "A checkpoint: a file, or a folder that holds one.")
    private String path;

    @Option(
            names = "--base",
            paramLabel = "PATH",
            description = "The model that it adapts, a file or a folder: names each layer's weight, and settles what"
                    + " flattened factors leave open. Only headers are read.")
    private String basePath;

    @Option(
            names = "--format",
            paramLabel = "FORMAT",
            defaultValue = "text",
            description = "${COMPLETION-CANDIDATES} (default ${DEFAULT-VALUE}).")
    private Format format;

    @Override
    public Integer call() throws Exception {
        ObjectStore store = new ObjectStore(SparkSessions.storeSettings());
        BaseNames base = basePath == null ? null : base(store);
        CheckpointAudit audit = audit(store, find(store, path), base);
        PrintWriter out = spec.commandLine().getOut();
        if (format == Format.json) {
            printJson(audit, out);
        } else {
            out.print(ExplainText.of(audit, basePath));
        }
        out.flush();
        Reason reason = audit.reading().reason();
        return reason != null && reason.isTheStores() ? Doraxis.STORE_ERRORS : 0;
    }

    /** The names of the base model's weights. */
    private BaseNames base(ObjectStore store) throws IOException, Doraxis.UsageException {
        CheckpointAudit audit = audit(store, find(store, basePath), null);
        if (audit.contents() == null || audit.reading().status() != Status.OK) {
            throw new IOException("--base cannot be read: " + audit.reading().message());
        }
        return BaseNames.of(audit.contents().index().tensors());
    }

    private static Checkpoint find(ObjectStore store, String path) throws IOException, Doraxis.UsageException {
        try {
            return CheckpointFinder.find(store, path);
        } catch (IllegalArgumentException e) {
            throw new Doraxis.UsageException(e.getMessage());
        }
    }

    private static CheckpointAudit audit(ObjectStore store, Checkpoint checkpoint, BaseNames base) {
        Fetcher.Fetched fetched = new Fetcher(store).fetch(checkpoint);
        return new CheckpointAuditor(ConsumerRules.bundled(), base, null, ValueUse.NONE)
                .audit(
                        checkpoint,
                        fetched.weights(),
                        fetched.side(),
                        fetched.card(),
                        new ChosenValues(store, ExplainCommand::worthReading));
    }

    /** Alphas, and magnitudes, whose signs tell the oldest files. */
    private static List<TensorInfo> worthReading(TensorIndex index) {
        List<TensorInfo> wanted = new ArrayList<>(ChosenValues.SCALARS.of(index));
        for (TensorInfo tensor : index.tensors()) {
            if (tensor.shape().elements() != 1 && tensor.name().endsWith(MAGNITUDE)) {
                wanted.add(tensor);
            }
        }
        return wanted;
    }

    private static void printJson(CheckpointAudit audit, PrintWriter out) throws IOException {
        Stamp stamp = new Stamp(ConsumerRules.bundled().version(), Doraxis.version(), Instant.now());
        try (JsonGenerator json = new JsonFactory().createGenerator(out)) {
            json.configure(JsonGenerator.Feature.AUTO_CLOSE_TARGET, false);
            json.setPrettyPrinter(new DefaultPrettyPrinter());
            RowJson rows = new RowJson(json);
            json.writeStartObject();
            rows.fields(CheckpointColumns.of(stamp), audit);
            json.writeArrayFieldStart("module_details");
            for (ModuleColumns.ModuleAudit module : ModuleColumns.modules(audit)) {
                json.writeStartObject();
                rows.fields(ModuleColumns.COLUMNS, module);
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeEndObject();
        }
        out.println();
    }
}

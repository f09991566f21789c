package io.doraxis.spark;

import io.doraxis.audit.CheckpointAudit;
import io.doraxis.catalog.StoredObject;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.merge.MergeRefusedException;
import io.doraxis.peft.Approximations.Approximation;
import io.doraxis.peft.BaseModel;
import io.doraxis.peft.ExportOutcome;
import io.doraxis.peft.ExportPlan;
import io.doraxis.peft.ExportPlanner;
import io.doraxis.peft.ExportSource;
import io.doraxis.peft.LossyLimits;
import io.doraxis.peft.PeftTensor;
import io.doraxis.peft.Provenance;
import io.doraxis.peft.TextEncoderNames;
import io.doraxis.spark.ExportResult.Code;
import io.doraxis.store.ObjectStore;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * One export from its request to its result: a directory in PEFT's layout, or one for each component. The weights are
 * written last, so that a directory with weights is whole.
 */
final class OneExport {
    private final ObjectStore store;
    private final ExportRequest request;
    private final String toolVersion;
    private final int threads;
    private final String gpu;
    private final ExportOutput output;
    private final Map<String, Double> seconds = new LinkedHashMap<>();
    private final List<String> moreWarnings = new ArrayList<>();

    /** Null where nothing was verified. */
    private ExportVerifier.Found verified;

    /** Null where nothing was to be computed. */
    private Computed computedBy;

    private long bytesRead;
    private int copied;
    private int computed;

    /**
     * @param threads that merge whole weights and find lossy forms
     * @param gpu address of the task's own, null where it has none
     */
    OneExport(ObjectStore store, ExportRequest request, String toolVersion, int threads, String gpu) {
        this.threads = threads;
        this.gpu = gpu;
        this.store = store;
        this.request = request;
        this.toolVersion = toolVersion;
        this.output = new ExportOutput(store, request.output());
    }

    private static final class Refusal extends Exception {
        private static final long serialVersionUID = 1;
        private final String code;

        Refusal(String code, String message) {
            super(message, null, false, false);
            this.code = code;
        }

        Refusal(Code code, String message) {
            this(code.name(), message);
        }
    }

    /** What there is to export, and what it becomes. */
    private record Prepared(
            CheckpointAudit adapter, SharedBase base, ExportInputs inputs, ExportSource source, ExportPlan plan) {}

    private interface Work {
        ExportResult done() throws Refusal, MergeRefusedException, IOException;
    }

    /** Exports, or says why not: nothing is thrown for what is wrong with a file, the store or the request. */
    ExportResult run() {
        return result(this::export);
    }

    /** What would be done, or why not: nothing is written. */
    ExportResult dryRun() {
        return result(this::planned);
    }

    private ExportResult result(Work work) {
        try {
            return work.done();
        } catch (Refusal e) {
            return ExportResult.refused(request, e.code, e.getMessage());
        } catch (MergeRefusedException e) {
            return ExportResult.refused(request, e.code().name(), e.getMessage());
        } catch (IllegalArgumentException e) { // factors that do not fit each other
            return ExportResult.refused(request, MergeRefusedException.Code.SHAPE_MISMATCH.name(), e.getMessage());
        } catch (IOException | RuntimeException e) {
            return ExportResult.failed(request, e);
        }
    }

    private Prepared prepared() throws Refusal, IOException {
        if (request.adapter().isBlank() || request.output().isBlank()) {
            throw new Refusal(Code.INCOMPLETE_ROW, "adapter and output are both needed");
        }
        CheckpointAudit adapter = adapter();
        if (adapter.adapter() == null || adapter.contents().parts().size() != 1) {
            throw new Refusal(Code.NOT_AN_ADAPTER, request.adapter() + " is no adapter in one file");
        }
        for (TensorInfo tensor : adapter.contents().index().tensors()) {
            if (tensor.begin() == TensorInfo.NOWHERE) {
                throw new Refusal(
                        Code.NOT_AN_ADAPTER,
                        request.adapter() + ": where the data of " + tensor.name() + " lie is not known");
            }
        }
        SharedBase base = request.base().isBlank() ? null : base();
        ExportInputs inputs = new ExportInputs(store, adapter, base);
        ExportSource source = new ExportSource(
                adapter.contents().index(),
                adapter.adapter().index(),
                adapter.adapter().verdict(),
                adapter.contents().config(),
                inputs.adapter(singleNumbers(adapter)));
        ExportPlan plan = plan(source, base, Set.of(), Map.of());
        requireApart(adapter, base, plan);
        return new Prepared(adapter, base, inputs, source, plan);
    }

    /**
     * The plan with what its lossy layers become.
     *
     * @throws Refusal if one is further off than it may be, and may not be saved whole
     */
    private ExportPlan fitted(Prepared prepared, LossyFits fits) throws Refusal, MergeRefusedException, IOException {
        if (prepared.plan.lossy().isEmpty()) {
            return prepared.plan;
        }
        long started = System.nanoTime();
        LossyLimits limits = request.settings().choices().lossy();
        fits.compute(prepared.plan, limits);
        seconds.put("fit", since(started));
        if (!fits.refused().isEmpty() && !limits.wholeBeyond()) {
            throw new Refusal(Code.NOT_WITHIN_ERROR, fits.refusal(limits));
        }
        return plan(prepared.source, prepared.base, fits.refused().keySet(), fits.made());
    }

    private Lanes lanes() throws MergeRefusedException {
        return new Lanes(Kernels.open(threads, request.settings().ofMerges(), gpu));
    }

    private ExportResult planned() throws Refusal, MergeRefusedException, IOException {
        Prepared prepared = prepared();
        ExportPlan plan = prepared.plan;
        if (!plan.lossy().isEmpty()) {
            try (Lanes lanes = lanes();
                    LossyFits fits = new LossyFits(prepared.inputs, lanes)) {
                plan = fitted(prepared, fits);
                computedBy = lanes.computed();
            }
        }
        ExportWriter.requirePossible(plan);
        for (PeftTensor tensor : plan.tensors()) {
            copied += tensor.source() instanceof PeftTensor.Copied ? 1 : 0;
            computed += tensor.source() instanceof PeftTensor.Copied ? 0 : 1;
        }
        long bytes = plan.outcome() == ExportOutcome.NOT_NEEDED
                ? prepared.adapter.checkpoint().totalBytes()
                : plan.bytes();
        return result(
                MergeResult.Status.PLANNED, plan, prepared.inputs, digest(prepared.adapter, prepared.base), bytes);
    }

    private ExportResult export() throws Refusal, MergeRefusedException, IOException {
        long started = System.nanoTime();
        Prepared prepared = prepared();
        CheckpointAudit adapter = prepared.adapter;
        SharedBase base = prepared.base;
        ExportInputs inputs = prepared.inputs;
        ExportPlan plan = prepared.plan;
        String digest = digest(adapter, base);
        if (output.isThere(plan, digest)) {
            verify(prepared, plan);
            return result(MergeResult.Status.UP_TO_DATE, plan, inputs, digest, output.bytes());
        }
        output.removeLeftovers(plan);
        if (plan.outcome() == ExportOutcome.NOT_NEEDED) {
            seconds.put("plan", since(started));
            long copying = System.nanoTime();
            bytesRead += output.copy(adapter);
            copied = adapter.contents().index().tensors().size();
            output.writeCards(plan, provenance(adapter));
            seconds.put("write", since(copying));
            return result(MergeResult.Status.DONE, plan, inputs, digest, output.bytes());
        }
        try (Lanes lanes = lanes();
                LossyFits fits = new LossyFits(inputs, lanes)) {
            plan = fitted(prepared, fits);
            ExportWriter writer = new ExportWriter(inputs, lanes, fits);
            Set<String> whole = writer.takeNorms(plan);
            if (!whole.isEmpty()) {
                whole.addAll(fits.refused().keySet());
                plan = plan(prepared.source, base, whole, fits.made());
            }
            ExportWriter.requirePossible(plan);
            seconds.put("plan", since(started) - seconds.getOrDefault("fit", 0.0));
            long writing = System.nanoTime();
            output.write(plan, writer, provenance(adapter), digest);
            seconds.put("write", since(writing));
            copied = writer.copied();
            computed = writer.computed();
            computedBy = lanes.computed();
        }
        verify(prepared, plan);
        return result(MergeResult.Status.DONE, plan, inputs, digest, output.bytes());
    }

    private void verify(Prepared prepared, ExportPlan plan) throws IOException {
        if (!request.settings().verify()) {
            return;
        }
        if (prepared.base == null) {
            notVerified("no base is given");
            return;
        }
        long started = System.nanoTime();
        try (Lanes lanes = Lanes.onCpu(threads)) {
            TensorIndex base = prepared.base.audit().contents().index();
            TextEncoderNames names =
                    new TextEncoderNames(request.settings().choices().layout().naming(), prepared.base.model());
            verified = new ExportVerifier(store, prepared.inputs, base, names, lanes).verify(plan, output::place);
        } catch (MergeRefusedException e) {
            if (e.code() == MergeRefusedException.Code.NOT_AN_ADAPTER) {
                throw new IOException(e.getMessage(), e); // what was written has come out unreadable
            }
            notVerified(e.getMessage());
            return;
        }
        seconds.put("verify", since(started));
    }

    private void notVerified(String why) {
        moreWarnings.add("not verified: " + why);
    }

    private static double since(long started) {
        return (System.nanoTime() - started) / 1e9;
    }

    private CheckpointAudit adapter() throws Refusal, IOException {
        try {
            CheckpointAudit audit = ReadCheckpoint.read(store, request.adapter(), true);
            bytesRead += audit.reading().bytesRead();
            return audit;
        } catch (ReadCheckpoint.UnreadableException e) {
            throw new Refusal(Code.NOT_AN_ADAPTER, e.getMessage());
        }
    }

    private SharedBase base() throws Refusal, IOException {
        try {
            SharedBase base = SharedBase.at(store, request.base());
            bytesRead += base.takeBytesRead();
            return base;
        } catch (ReadCheckpoint.UnreadableException e) {
            throw new Refusal(Code.UNSUPPORTED_BASE, e.getMessage());
        }
    }

    /** What is read must not be replaced while it is. */
    private void requireApart(CheckpointAudit adapter, SharedBase base, ExportPlan plan) throws Refusal {
        List<StoredObject> inputs = new ArrayList<>(adapter.checkpoint().weights());
        inputs.addAll(base == null ? List.of() : base.audit().checkpoint().weights());
        Set<String> places = output.places(plan);
        if (inputs.stream().anyMatch(file -> store.isAmong(places, file))) {
            throw new Refusal(
                    Code.UNSUPPORTED_OUTPUT, request.output() + " is read for this export; write to another place");
        }
    }

    private ExportPlan plan(ExportSource source, SharedBase base, Set<String> whole, Map<String, Approximation> made)
            throws Refusal {
        BaseModel model = base == null ? null : base.model();
        ExportPlan plan = ExportPlanner.planOn(model, source, request.settings().choices(), whole, made);
        if (plan.refusal() != null) {
            throw new Refusal(plan.refusal().name(), plan.reason());
        }
        if (!plan.unmatched().isEmpty() && !request.settings().allowUnmatched()) {
            throw new Refusal(
                    Code.UNMATCHED,
                    "%d names have no place, such as %s; --allow-unmatched leaves them out"
                            .formatted(plan.unmatched().size(), plan.unmatched().get(0)));
        }
        return plan;
    }

    private static List<TensorInfo> singleNumbers(CheckpointAudit adapter) {
        return adapter.contents().index().tensors().stream()
                .filter(tensor -> tensor.shape().elements() == 1)
                .toList();
    }

    private List<String> warnings(ExportPlan plan) {
        List<String> warnings = new ArrayList<>(moreWarnings);
        warnings.addAll(computedBy == null ? List.of() : computedBy.warnings());
        if (!plan.unmatched().isEmpty()) {
            warnings.add(plan.unmatched().size() + " names are left out, such as "
                    + plan.unmatched().get(0));
        }
        return warnings;
    }

    private String digest(CheckpointAudit adapter, SharedBase base) {
        StringBuilder input = new StringBuilder(toolVersion)
                .append(request.settings().allowUnmatched())
                .append(request.settings().choices())
                .append(request.settings().device())
                .append(request.settings().kernel());
        adapter.checkpoint().weights().forEach(file -> input.append('\n').append(file));
        adapter.checkpoint().side().ifPresent(file -> input.append('\n').append(file));
        if (base != null) {
            base.audit()
                    .checkpoint()
                    .weights()
                    .forEach(file -> input.append('\n').append(file));
        }
        return PreparedMerge.sha256(input.toString());
    }

    private Provenance provenance(CheckpointAudit adapter) {
        StoredObject weights = adapter.contents().parts().get(0).file();
        return new Provenance(
                weights.uri(),
                weights.etag(),
                request.base(),
                adapter.contents().license().license(),
                adapter.adapter()
                        .index()
                        .claims()
                        .get("adapter_config.base_model_name_or_path")
                        .orElse(null),
                toolVersion,
                ConsumerRules.bundled().version());
    }

    private ExportResult result(
            MergeResult.Status status, ExportPlan plan, ExportInputs inputs, String inputDigest, long bytes) {
        boolean off =
                verified != null && (verified.relError() > Verification.TOLERANCE || verified.misstated() != null);
        Map<String, Double> lossy = plan.lossy().errors();
        Double relError = verified == null || plan.outcome() == ExportOutcome.LOSSY ? null : verified.relError();
        return new ExportResult(
                request,
                off ? MergeResult.Status.FAILED : status,
                off ? Code.NOT_AS_SOURCE.name() : null,
                off
                        ? verified.misstated() != null
                                ? verified.misstated()
                                : "%s is %.2e off: %s is not worth what the adapter is"
                                        .formatted(verified.tensor(), verified.relError(), request.output())
                        : status == MergeResult.Status.UP_TO_DATE ? null : plan.reason(),
                plan.outcome(),
                plan.done(),
                computedBy == null ? null : computedBy.kernel(),
                computedBy == null ? null : computedBy.device(),
                computed,
                copied,
                bytesRead + inputs.bytesRead(),
                bytes,
                inputDigest,
                output.digest(),
                lossy.isEmpty() ? relError : (Double) plan.lossy().relativeError(),
                plan.lossy().worst().orElse(relError == null ? null : verified.tensor()),
                lossy,
                verified == null ? null : verified.text(),
                warnings(plan),
                seconds);
    }
}

package io.doraxis.cli;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.audit.CheckpointAudit;
import io.doraxis.audit.CheckpointAudit.AdapterContents;
import io.doraxis.audit.Status;
import io.doraxis.consumer.Outcome;
import io.doraxis.dora.CheckpointAxis;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.dora.Evidence;
import io.doraxis.naming.FamilyMatch;
import io.doraxis.peft.ExportOutcome;
import io.doraxis.peft.ExportPlanner;
import io.doraxis.peft.ExportPlanner.Possibility;
import io.doraxis.report.Advice;
import io.doraxis.tensorfile.Finding;
import io.doraxis.tensorfile.Printable;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** A checkpoint in plain words. */
final class ExplainText {
    private static final Set<Finding.Code> UNFIT =
            EnumSet.of(Finding.Code.NOT_IN_BASE, Finding.Code.OTHER_SHAPE_IN_BASE);

    private final StringBuilder text = new StringBuilder();
    private final String base;

    private ExplainText(String base) {
        this.base = base;
    }

    /** @param base the model that it was held against; null where there was none */
    static String of(CheckpointAudit audit, String base) {
        ExplainText explained = new ExplainText(base);
        explained.line("%s", audit.checkpoint().uri());
        if (audit.contents() == null) {
            explained.unreadable(audit);
        } else {
            explained.contents(audit);
        }
        if (!audit.findings().isEmpty()) {
            explained.line("");
            explained.line("Noticed");
            for (Finding finding : audit.findings()) {
                explained.line("  %s", finding);
            }
        }
        return explained.text.toString();
    }

    private void line(String format, Object... values) {
        String line = Printable.of(format.formatted(values)); // names come from the file
        text.append(line).append(System.lineSeparator());
    }

    private void unreadable(CheckpointAudit audit) {
        line("");
        line("Not readable: %s", audit.reading().status());
        line("  %s", audit.reading().message());
    }

    private void contents(CheckpointAudit audit) {
        long tensors = audit.contents().index().tensors().size();
        AdapterContents adapter = audit.adapter();
        line("");
        if (adapter == null) {
            line(
                    "What     %s, %,d tensors; no adapter, so there is no axis to decide",
                    audit.contents().kind(), tensors);
            family(audit.contents().family());
            license(audit);
        } else {
            line("What     adapter, %s names, %s, %,d tensors", adapter.dialect(), algorithms(adapter), tensors);
            family(audit.contents().family());
            givenBase(audit);
            license(audit);
            axis(adapter.verdict());
            consumers(adapter);
            Possibility export = ExportPlanner.possibility(
                    adapter.index(), adapter.verdict(), audit.contents().config());
            line("");
            line("In PEFT's layout");
            line("  %s: %s", export.outcome(), export.reason());
            advice(audit.checkpoint().uri(), adapter, export.outcome());
        }
        if (audit.reading().status() != Status.OK) {
            line("");
            line("Read in part: %s", audit.reading().message());
        }
    }

    private void family(FamilyMatch family) {
        if (family == null) {
            line("Base     not one that is known by its layers");
        } else {
            line("Base     %s: %s layers fit by name and shape", family.name().replace("|", " or "), family.score());
        }
    }

    private void givenBase(CheckpointAudit audit) {
        if (base != null && audit.findings().stream().noneMatch(finding -> UNFIT.contains(finding.code()))) {
            line("         every layer fits a weight of %s", base);
        }
    }

    private void license(CheckpointAudit audit) {
        if (audit.contents().license().license() != null) {
            line("Licence  %s", audit.contents().license().license());
        }
    }

    private static String algorithms(AdapterContents adapter) {
        Map<String, Integer> counts = new TreeMap<>();
        for (AdapterModule module : adapter.index().modules()) {
            String rank = module.rank() == null ? "" : " of rank " + module.rank();
            String algorithm = module.isComplete() ? module.algorithm() + rank : "incomplete";
            counts.merge(algorithm, 1, Integer::sum);
        }
        StringBuilder list = new StringBuilder();
        counts.forEach((algorithm, count) ->
                list.append(list.isEmpty() ? "" : ", ").append("%,d layers %s".formatted(count, algorithm)));
        return list.toString();
    }

    private void axis(CheckpointVerdict verdict) {
        if (verdict.axis() == CheckpointAxis.NONE) {
            line("Axis     NONE: no magnitudes, so this is no DoRA");
            return;
        }
        line(
                "Axis     %s, %s: %,d of %,d layers have a magnitude",
                verdict.axis(),
                verdict.confidence(),
                verdict.doraModules(),
                verdict.modules().size());
        for (Evidence evidence : verdict.evidence()) {
            line("  %,6d x %-20s %s", evidence.count(), evidence.kind(), evidence.detail());
        }
        String meaning = switch (verdict.axis()) {
            case INPUT -> "one magnitude per input feature (LyCORIS before 3.2, OneTrainer's default)";
            case OUTPUT -> "one magnitude per output feature (PEFT, LyCORIS from 3.2 on)";
            case MIXED -> "some layers per input, some per output: " + String.join(", ", verdict.contradicting());
            case AMBIGUOUS ->
                verdict.ambiguousModules() == 0
                        ? "no magnitude fits its layer, so nothing votes"
                        : "the shapes fit both axes; only the base model's values could tell";
            case NONE -> "";
        };
        line("         %s", meaning);
    }

    private void consumers(AdapterContents adapter) {
        line("");
        line("What programs do with this file as it is, at strength 1");
        adapter.consumers().forEach((name, prediction) -> {
            String reason = prediction.reason();
            String rule = reason.startsWith(name + "/") ? reason.substring(name.length() + 1) : reason;
            line("  %-20s %-14s %s", name, prediction.outcome(), rule);
        });
    }

    private void advice(String uri, AdapterContents adapter, ExportOutcome export) {
        line("");
        line("What to do");
        Map<String, Outcome> outcomes = new LinkedHashMap<>();
        adapter.consumers().forEach((name, prediction) -> outcomes.put(name, prediction.outcome()));
        for (Advice.Step step :
                new Advice(Doraxis.COMMAND, base).steps(adapter.verdict().axis(), outcomes, export)) {
            line("  %s", step.text());
            if (step.command() != null) {
                line("    %s", step.command(uri));
            }
        }
    }
}

package io.doraxis.report;

import io.doraxis.report.Report.Change;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** A report as a summary for the page of a CI job: the worst of each, in Markdown tables. */
public final class MarkdownReport {
    private static final int MOST_ROWS = 25;

    private final StringBuilder text = new StringBuilder();

    private MarkdownReport() {}

    public static String of(Report report) {
        MarkdownReport markdown = new MarkdownReport();
        Report.Run run = report.run();
        markdown.line("# Doraxis report");
        markdown.line("");
        markdown.line("%,d checkpoints, %,d of them adapters, below %s; %s, run %s, Doraxis %s, rules %s"
                .formatted(
                        run.checkpoints(),
                        run.adapters(),
                        run.inputs().stream().map(MarkdownReport::code).collect(Collectors.joining(", ")),
                        run.started_at(),
                        run.run_id(),
                        run.tool_version(),
                        run.rules_version()));
        markdown.verdicts(report);
        markdown.consumers(report.consumers());
        markdown.algorithms(report.algorithms());
        markdown.errors(report.errors());
        markdown.differences(report.differences());
        return markdown.text.toString();
    }

    private void line(String line) {
        text.append(line).append('\n');
    }

    private void table(String title, String header, String alignment, List<String> rows) {
        line("");
        line("## " + title);
        line("");
        line(header);
        line(alignment);
        rows.stream().limit(MOST_ROWS).forEach(this::line);
        if (rows.size() > MOST_ROWS) {
            line("");
            line("%,d more are left out.".formatted(rows.size() - MOST_ROWS));
        }
    }

    private void verdicts(Report report) {
        table(
                "Verdicts",
                "| verdict | checkpoints | |",
                "|---|---:|---|",
                report.verdicts().entrySet().stream()
                        .map(entry -> "| %s | %,d | %s |"
                                .formatted(
                                        entry.getKey().label(),
                                        entry.getValue(),
                                        entry.getKey().meaning()))
                        .toList());
    }

    private void consumers(List<Report.Consumer> consumers) {
        if (consumers.isEmpty()) {
            return;
        }
        String names = Report.OUTCOMES.stream()
                .map(outcome -> outcome.name().toLowerCase(Locale.ROOT).replace('_', ' '))
                .collect(Collectors.joining(" | "));
        table(
                "What each program would do",
                "| program | " + names + " |",
                "|---|" + "---:|".repeat(Report.OUTCOMES.size()),
                consumers.stream()
                        .map(consumer -> "| %s | %s |"
                                .formatted(
                                        consumer.name(),
                                        Report.OUTCOMES.stream()
                                                .map(outcome -> "%,d".formatted(consumer.count(outcome.name())))
                                                .collect(Collectors.joining(" | "))))
                        .toList());
    }

    private void algorithms(Map<String, Map<String, Long>> algorithms) {
        if (!algorithms.isEmpty()) {
            table(
                    "Algorithm by axis",
                    "| algorithm | adapters by axis |",
                    "|---|---|",
                    algorithms.entrySet().stream()
                            .map(entry -> "| %s | %s |"
                                    .formatted(
                                            entry.getKey(),
                                            entry.getValue().entrySet().stream()
                                                    .map(axis -> "%s %,d".formatted(axis.getKey(), axis.getValue()))
                                                    .collect(Collectors.joining(", "))))
                            .toList());
        }
    }

    private void errors(List<Report.Error> errors) {
        if (!errors.isEmpty()) {
            table(
                    "Errors by code",
                    "| code | checkpoints | one of them |",
                    "|---|---:|---|",
                    errors.stream()
                            .map(error -> "| %s | %,d | %s |"
                                    .formatted(error.code(), error.checkpoints(), code(error.example())))
                            .toList());
        }
    }

    private void differences(Report.Differences differences) {
        if (differences == null) {
            return;
        }
        line("");
        line("## Since run " + differences.from_run());
        line("");
        line("%,d checkpoints appeared, %,d are gone.".formatted(differences.appeared(), differences.gone()));
        if (!differences.changes().isEmpty()) {
            table(
                    "What changed",
                    "| checkpoints | of the same files | what | before | now | such as |",
                    "|---:|---:|---|---|---|---|",
                    differences.changes().stream().map(MarkdownReport::change).toList());
        }
    }

    private static String change(Change change) {
        return "| %,d | %,d | %s | %s | %s | %s |"
                .formatted(
                        change.checkpoints(),
                        change.same_files(),
                        change.what(),
                        change.from(),
                        change.to(),
                        change.examples().isEmpty()
                                ? ""
                                : code(change.examples().get(0)));
    }

    /** A name or message as code in a table, whatever it holds: as HTML, since a bar ends a cell even within backquotes. */
    private static String code(String name) {
        if (name == null) {
            return "";
        }
        return name.codePoints().mapToObj(MarkdownReport::inert).collect(Collectors.joining("", "<code>", "</code>"));
    }

    private static String inert(int character) {
        if (Character.isLetterOrDigit(character) || " ./:-,()=".indexOf(character) >= 0) {
            return Character.toString(character);
        }
        return Character.isISOControl(character) ? " " : "&#" + character + ";";
    }
}

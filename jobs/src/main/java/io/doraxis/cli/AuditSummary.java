package io.doraxis.cli;

import io.doraxis.spark.RunRecord;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** What a person wants to know at the end of an audit. */
final class AuditSummary {
    private AuditSummary() {}

    static String of(RunRecord run) {
        StringBuilder text = new StringBuilder();
        text.append("%,d objects: %,d in %,d checkpoints, %,d ignored; %.1f s, %,d requests, %,.1f MB read%n"
                .formatted(
                        run.objects_listed(),
                        run.objects_in_checkpoints(),
                        run.checkpoints(),
                        run.objects_listed() - run.objects_in_checkpoints(),
                        run.seconds(),
                        run.requests(),
                        run.bytes_read() / 1e6));
        if (run.previous() != null) {
            text.append(since(run.previous()));
        }
        line(text, "status", run.statuses());
        line(text, "kind", run.kinds());
        line(text, "adapter axis", run.axes());
        line(text, "unreadable", run.errors());
        line(text, "warnings", run.findings());
        List<String> wrong = worst(run);
        if (!wrong.isEmpty()) {
            text.append("silently wrong weights, if loaded as they are:%n".formatted());
            wrong.forEach(each -> text.append("  ").append(each).append(System.lineSeparator()));
        }
        text.append(
                "tables of run %s in %s%n".formatted(run.run_id(), run.options().output()));
        return text.toString();
    }

    private static String since(RunRecord.SincePrevious previous) {
        String why = previous.read_again_because() == null ? "" : ": " + previous.read_again_because();
        return "since %s  %s; %,d carried over%s%n"
                .formatted(previous.run_id(), list(previous.changes()), previous.carried_over(), why);
    }

    private static void line(StringBuilder text, String name, Map<String, Long> counts) {
        if (!counts.isEmpty()) {
            text.append("%-13s %s%n".formatted(name, list(counts)));
        }
    }

    private static <K extends Comparable<K>> String list(Map<K, Long> counts) {
        return counts.entrySet().stream()
                .sorted(Map.Entry.<K, Long>comparingByValue(Comparator.reverseOrder())
                        .thenComparing(Map.Entry.comparingByKey()))
                .map(entry -> "%s %,d".formatted(entry.getKey(), entry.getValue()))
                .collect(Collectors.joining(", "));
    }

    private static List<String> worst(RunRecord run) {
        return run.consumers().entrySet().stream()
                .filter(entry -> entry.getValue().containsKey("SILENTLY_WRONG"))
                .sorted(Comparator.comparing((Map.Entry<String, Map<String, Long>> entry) ->
                                entry.getValue().get("SILENTLY_WRONG"))
                        .reversed())
                .map(entry -> "%-20s %,d adapters"
                        .formatted(entry.getKey(), entry.getValue().get("SILENTLY_WRONG")))
                .toList();
    }
}

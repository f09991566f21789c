package io.doraxis.cli;

import io.doraxis.spark.MergeRecord;
import io.doraxis.spark.MergeResult.Status;
import java.io.PrintWriter;
import java.util.stream.Collectors;

/** What a person wants to know at the end of a plan. */
final class PlanSummary {
    private PlanSummary() {}

    /**
     * Prints it.
     *
     * @param what the plan lists, as its table is called
     * @return the exit status
     */
    static int print(PrintWriter out, MergeRecord record, String what, String output) {
        out.printf(
                "%,d %s: %s; %.1f s%n",
                record.merges(),
                what,
                record.statuses().entrySet().stream()
                        .map(entry -> entry.getValue() + " " + entry.getKey())
                        .collect(Collectors.joining(", ")),
                record.seconds());
        long undone = count(record, Status.FAILED) + count(record, Status.REFUSED);
        record.first_errors().forEach(error -> out.printf("  %s%n", error));
        if (undone > record.first_errors().size()) {
            out.printf(
                    "  and %,d more: error_message in the table%n",
                    undone - record.first_errors().size());
        }
        out.printf("table         %s/%s (run %s)%n", output, what, record.run_id());
        out.flush();
        return count(record, Status.FAILED) > 0 ? Doraxis.FAILED : undone > 0 ? Doraxis.REFUSED : 0;
    }

    private static long count(MergeRecord record, Status status) {
        return record.statuses().getOrDefault(status.name(), 0L);
    }
}

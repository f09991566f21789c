package io.doraxis.spark;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.exists;
import static org.apache.spark.sql.functions.filter;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.map_values;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.size;
import static org.apache.spark.sql.functions.when;

import io.doraxis.consumer.ConsumerRules;
import io.doraxis.consumer.Outcome;
import io.doraxis.dora.CheckpointAxis;
import io.doraxis.peft.ExportOutcome;
import io.doraxis.report.Advice;
import io.doraxis.report.ReportRow;
import io.doraxis.report.ReportRow.Prediction;
import io.doraxis.report.Verdict;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/** Rows of the {@code checkpoints} table as a report shows them, the worst first. */
final class ReportRows implements Serializable {
    private static final long serialVersionUID = 1;

    /** The {@link Verdict}'s ordinal. */
    static final String VERDICT = "verdict";

    /** How many programs are silently wrong. */
    private static final String WRONG = "wrong";

    /** Rows of a partition, which is a piece of the page. */
    private static final int PER_PARTITION = 5_000;

    private final String program;

    /** @param program how Doraxis is called, for the advice */
    ReportRows(String program) {
        this.program = program;
    }

    /** With the verdict of each. */
    static Dataset<Row> judged(Dataset<Row> checkpoints) {
        Column readable = col("status").isin("OK", "SKIPPED");
        Column adapter = coalesce(col("kind").equalTo("ADAPTER"), lit(false));
        Column verdict = when(any(Outcome.SILENTLY_WRONG), lit(Verdict.SILENTLY_WRONG.ordinal()))
                .when(not(readable), lit(Verdict.UNREADABLE.ordinal()))
                .when(not(adapter), lit(Verdict.NO_ADAPTER.ordinal()))
                .when(col("axis").equalTo(CheckpointAxis.AMBIGUOUS.name()), lit(Verdict.AMBIGUOUS.ordinal()))
                .when(any(Outcome.PARTIAL).or(any(Outcome.REJECTS)), lit(Verdict.NOT_EVERYWHERE.ordinal()))
                .otherwise(lit(Verdict.RIGHT.ordinal()));
        return checkpoints.withColumn(VERDICT, verdict);
    }

    private static Column any(Outcome outcome) {
        return coalesce(exists(map_values(col("consumers")), value -> is(value, outcome)), lit(false));
    }

    private static Column is(Column prediction, Outcome outcome) {
        return prediction.getField("outcome").equalTo(outcome.name());
    }

    /**
     * In order, over partitions of some thousand rows.
     *
     * @param judged rows with their verdicts
     * @param rows how many there are
     */
    static Dataset<Row> worstFirst(Dataset<Row> judged, long rows) {
        Column wrong = coalesce(
                size(filter(map_values(col("consumers")), value -> is(value, Outcome.SILENTLY_WRONG))), lit(0));
        Column[] order = {col(VERDICT), col(WRONG).desc(), col("uri")};
        return judged.withColumn(WRONG, wrong)
                .select(
                        VERDICT,
                        WRONG,
                        "uri",
                        "kind",
                        "container",
                        "dialect",
                        "algorithm",
                        "axis",
                        "axis_confidence",
                        "base_family",
                        "rank_min",
                        "rank_max",
                        "total_bytes",
                        "status",
                        "error_code",
                        "error_message",
                        "license",
                        "peft_export",
                        "consumers",
                        "evidence",
                        "warnings",
                        "claim_conflicts")
                .repartitionByRange((int) (rows / PER_PARTITION + 1), order)
                .sortWithinPartitions(order);
    }

    ReportRow of(Row row) {
        Row export = row.getAs("peft_export");
        List<Prediction> predictions = predictions(row);
        return new ReportRow(
                row.getAs("uri"),
                Verdict.values()[row.<Integer>getAs(VERDICT)],
                row.getAs("kind"),
                row.getAs("container"),
                row.getAs("dialect"),
                row.getAs("algorithm"),
                row.getAs("axis"),
                row.getAs("axis_confidence"),
                row.getAs("base_family"),
                rank(row.getAs("rank_min"), row.getAs("rank_max")),
                row.getAs("total_bytes"),
                row.getAs("status"),
                row.getAs("error_code"),
                row.getAs("error_message"),
                row.getAs("license"),
                export == null ? null : export.getString(0),
                export == null ? null : export.getString(1),
                predictions,
                evidence(row),
                notes(row),
                predictions.isEmpty() ? List.of() : advice(row.getAs("axis"), predictions, export));
    }

    private static String rank(Integer min, Integer max) {
        return min == null ? null : min.equals(max) ? min.toString() : min + "-" + max;
    }

    /** In the order of the rules, which is that of {@code explain}; what other rules knew comes after. */
    private static List<Prediction> predictions(Row row) {
        int index = row.fieldIndex("consumers");
        if (row.isNullAt(index)) {
            return List.of();
        }
        Map<String, Row> said = new TreeMap<>(row.<String, Row>getJavaMap(index));
        Set<String> programs = new LinkedHashSet<>(ConsumerRules.bundled().consumers());
        programs.retainAll(said.keySet());
        programs.addAll(said.keySet());
        return programs.stream()
                .map(name -> new Prediction(
                        name,
                        said.get(name).getString(0),
                        rule(name, said.get(name).getString(1))))
                .toList();
    }

    private static String rule(String program, String reason) {
        return reason.startsWith(program + "/") ? reason.substring(program.length() + 1) : reason;
    }

    private static List<String> evidence(Row row) {
        return ReportRows.<Row>list(row, "evidence").stream()
                .map(fact -> "%,d x %s: %s".formatted(fact.getInt(1), fact.getString(0), fact.getString(2)))
                .toList();
    }

    private static List<String> notes(Row row) {
        List<String> notes = new ArrayList<>(list(row, "warnings"));
        notes.addAll(list(row, "claim_conflicts"));
        return notes;
    }

    private static <T> List<T> list(Row row, String column) {
        int index = row.fieldIndex(column);
        return row.isNullAt(index) ? List.of() : row.getList(index);
    }

    private List<Advice.Step> advice(String axis, List<Prediction> predictions, Row export) {
        Map<String, Outcome> outcomes = new LinkedHashMap<>();
        predictions.forEach(each -> outcomes.put(each.consumer(), Outcome.valueOf(each.outcome())));
        return new Advice(program, null)
                .steps(
                        CheckpointAxis.valueOf(axis),
                        outcomes,
                        export == null ? ExportOutcome.IMPOSSIBLE : ExportOutcome.valueOf(export.getString(0)));
    }
}

package io.doraxis.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.substring_index;

import io.doraxis.audit.CheckpointColumns;
import io.doraxis.consumer.Outcome;
import io.doraxis.report.HtmlReport;
import io.doraxis.report.JsonReport;
import io.doraxis.report.MarkdownReport;
import io.doraxis.report.Report;
import io.doraxis.report.ReportFormat;
import io.doraxis.report.ReportRow;
import io.doraxis.report.RowChunk;
import io.doraxis.report.SarifReport;
import io.doraxis.report.Verdict;
import io.doraxis.store.ObjectStore;
import io.doraxis.store.RunFolder;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** A report on one run of an audit. The driver holds the counts, and of the rows a piece of the page at a time. */
public final class ReportJob {
    /** Rows that a page lists. */
    private static final long MOST_ROWS = 200_000;

    private static final String UNKNOWN = "unknown";

    private final SparkSession spark;
    private final ObjectStore store;
    private final String audit;
    private final ReportRows rows;
    private final List<Report.Run> runs;
    private final Dataset<Row> judged;

    /**
     * Begins a report.
     *
     * @param audit folder of the tables
     * @param run the run to report on; null for the latest that ended
     * @param program how Doraxis is called, for the advice
     * @throws IOException if there is none
     */
    public ReportJob(SparkSession spark, String audit, String run, String program) throws IOException {
        this.spark = spark;
        this.audit = audit;
        this.rows = new ReportRows(program);
        this.store = new ObjectStore(spark.sparkContext().hadoopConfiguration());
        this.runs = AuditRuns.read(store, audit, run);
        this.judged = ReportRows.judged(checkpoints(runs.get(runs.size() - 1)));
    }

    private Dataset<Row> checkpoints(Report.Run run) {
        return Tables.reader(spark).parquet(table(run));
    }

    private String table(Report.Run run) {
        return RunFolder.table(audit, CheckpointColumns.NAME, run.run_id());
    }

    /** Writes the report. */
    public void write(ReportFormat format, OutputStream out) throws IOException {
        Report report = report();
        switch (format) {
            case html -> HtmlReport.write(report, chunks(report), out);
            case markdown -> out.write(MarkdownReport.of(report).getBytes(StandardCharsets.UTF_8));
            case json -> JsonReport.write(report, out);
            case sarif -> SarifReport.write(report, problems(report), out);
        }
    }

    private Iterator<RowChunk> chunks(Report report) {
        return upTo(
                MOST_ROWS,
                worst(report, MOST_ROWS)
                        .toJavaRDD()
                        .mapPartitions(new ReportChunks(rows, report.programs()))
                        .toLocalIterator());
    }

    /** To the end of the piece that has the last of that many rows: what comes after is not computed. */
    static Iterator<RowChunk> upTo(long rows, Iterator<RowChunk> all) {
        return new Iterator<>() {
            private long passed;

            @Override
            public boolean hasNext() {
                return passed < rows && all.hasNext();
            }

            @Override
            public RowChunk next() {
                RowChunk chunk = all.next();
                passed += chunk.rows();
                return chunk;
            }
        };
    }

    private Iterator<ReportRow> problems(Report report) {
        Iterator<Row> all = worst(report, SarifReport.MOST_RESULTS).toLocalIterator();
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return all.hasNext();
            }

            @Override
            public ReportRow next() {
                return rows.of(all.next());
            }
        };
    }

    /** In order, without the verdicts of which none would be among that many: a sort of all would be for nothing. */
    private Dataset<Row> worst(Report report, long wanted) {
        long kept = 0;
        int last = 0;
        for (Verdict verdict : Verdict.values()) {
            if (kept < wanted) {
                kept += report.verdicts().getOrDefault(verdict, 0L);
                last = verdict.ordinal();
            }
        }
        return ReportRows.worstFirst(judged.where(col(ReportRows.VERDICT).leq(last)), kept);
    }

    private Report report() throws IOException {
        List<Row> groups = judged.groupBy(
                        col(ReportRows.VERDICT),
                        col("kind"),
                        col("algorithm"),
                        col("axis"),
                        col("base_family"),
                        col("peft_export.outcome"))
                .count()
                .collectAsList();
        Map<Verdict, Long> verdicts = new EnumMap<>(Verdict.class);
        Map<String, Map<String, Long>> algorithms = new TreeMap<>();
        Map<String, Long> families = new TreeMap<>();
        Map<String, Long> exports = new TreeMap<>();
        for (Row group : groups) {
            long rows = group.getLong(6);
            verdicts.merge(Verdict.values()[group.getInt(0)], rows, Long::sum);
            if ("ADAPTER".equals(group.getString(1))) {
                algorithms
                        .computeIfAbsent(text(group, 2), key -> new TreeMap<>())
                        .merge(text(group, 3), rows, Long::sum);
                families.merge(text(group, 4), rows, Long::sum);
                exports.merge(text(group, 5), rows, Long::sum);
            }
        }
        List<Report.Consumer> consumers = consumers();
        Report.Run run = runs.get(runs.size() - 1);
        return new Report(
                run,
                verdicts,
                descending(algorithms, axes -> -sum(axes)),
                consumers,
                descending(families, rows -> -rows),
                descending(exports, rows -> -rows),
                errors(),
                runs,
                differences(consumers));
    }

    private static String text(Row row, int index) {
        return row.isNullAt(index) ? UNKNOWN : row.getString(index);
    }

    private static long sum(Map<String, Long> counts) {
        return counts.values().stream().mapToLong(Long::longValue).sum();
    }

    private static <V> Map<String, V> descending(Map<String, V> map, ToLongFunction<V> by) {
        return map.entrySet().stream()
                .sorted(Comparator.comparingLong(entry -> by.applyAsLong(entry.getValue())))
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue, (a, b) -> a, LinkedHashMap::new));
    }

    private List<Report.Consumer> consumers() {
        Map<String, List<Report.Rule>> rules = new TreeMap<>();
        judged.select(explode(col("consumers")).as(new String[] {"program", "said"}))
                .groupBy(
                        col("program"),
                        col("said.outcome"),
                        substring_index(substring_index(col("said.reason"), ": ", 1), "/", -1))
                .agg(count(lit(1)), min("said.reason"))
                .collectAsList()
                .forEach(row -> rules.computeIfAbsent(row.getString(0), key -> new ArrayList<>())
                        .add(new Report.Rule(row.getString(2), row.getString(1), row.getLong(3), row.getString(4))));
        List<Report.Consumer> consumers = new ArrayList<>();
        rules.forEach((program, its) -> {
            its.sort(Comparator.comparingLong(Report.Rule::checkpoints)
                    .reversed()
                    .thenComparing(Report.Rule::rule)
                    .thenComparing(Report.Rule::outcome));
            Map<String, Long> outcomes = new TreeMap<>();
            its.forEach(rule -> outcomes.merge(rule.outcome(), rule.checkpoints(), Long::sum));
            consumers.add(new Report.Consumer(program, outcomes, its));
        });
        consumers.sort(
                Comparator.comparingLong((Report.Consumer consumer) -> -consumer.count(Outcome.SILENTLY_WRONG.name())));
        return consumers;
    }

    private List<Report.Error> errors() {
        return judged
                .where(col("error_code").isNotNull())
                .groupBy("error_code")
                .agg(count(lit(1)), min("error_message"))
                .collectAsList()
                .stream()
                .map(row -> new Report.Error(row.getString(0), row.getLong(1), row.getString(2)))
                .sorted(Comparator.comparingLong(Report.Error::checkpoints)
                        .reversed()
                        .thenComparing(Report.Error::code))
                .toList();
    }

    private Report.Differences differences(List<Report.Consumer> consumers) throws IOException {
        if (runs.size() < 2) {
            return null;
        }
        Report.Run earlier = runs.get(runs.size() - 2);
        if (store.names(table(earlier)).isEmpty()) {
            return null; // old tables may be removed; the records stay for the trend
        }
        return RunDifferences.between(
                earlier,
                checkpoints(earlier),
                judged,
                consumers.stream().map(Report.Consumer::name).toList());
    }
}

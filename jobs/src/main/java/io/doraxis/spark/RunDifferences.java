package io.doraxis.spark;

import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.collect_list;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.filter;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.row_number;
import static org.apache.spark.sql.functions.sort_array;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.transform_values;
import static org.apache.spark.sql.functions.when;
import static org.apache.spark.sql.functions.xxhash64;

import io.doraxis.consumer.Outcome;
import io.doraxis.report.Report;
import io.doraxis.report.Report.Change;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.storage.StorageLevel;

/** What changed between two runs, whose checkpoints are joined by their names. */
final class RunDifferences {
    private static final String STATUS = "status";
    private static final String AXIS = "axis";
    private static final int EXAMPLES = 5;
    private static final Column[] KIND = {col("change.what"), col("change.from"), col("change.to")};

    private RunDifferences() {}

    /** @param programs whose predictions to compare */
    static Report.Differences between(
            Report.Run earlier, Dataset<Row> before, Dataset<Row> now, List<String> programs) {
        Dataset<Row> joined = side(before, "before").join(side(now, "now"), "uri", "full_outer");
        Dataset<Row> both = joined.persist(StorageLevel.DISK_ONLY());
        Row sides = both.agg(
                        sum(when(col("before").isNull(), 1L).otherwise(0L)),
                        sum(when(col("now").isNull(), 1L).otherwise(0L)))
                .first();
        List<Change> changes = changes(changed(both, programs));
        both.unpersist();
        return new Report.Differences(
                earlier.run_id(),
                earlier.rules_version(),
                sides.isNullAt(0) ? 0 : sides.getLong(0),
                sides.isNullAt(1) ? 0 : sides.getLong(1),
                changes);
    }

    private static Dataset<Row> side(Dataset<Row> run, String name) {
        return run.select(
                col("uri"),
                struct(
                                transform_values(col("consumers"), (key, value) -> value.getField("outcome"))
                                        .as("outcomes"),
                                col(AXIS),
                                col(STATUS),
                                xxhash64(col("files")).as("files"))
                        .as(name));
    }

    /** A row for each change of a checkpoint; what only one run knows has not changed. */
    private static Dataset<Row> changed(Dataset<Row> both, List<String> programs) {
        List<Column> compared = new ArrayList<>();
        for (String program : programs) {
            compared.add(compared(
                    program,
                    col("before.outcomes").getItem(program),
                    col("now.outcomes").getItem(program)));
        }
        for (String column : List.of(AXIS, STATUS)) {
            compared.add(compared(column, col("before." + column), col("now." + column)));
        }
        Column same = when(col("before.files").equalTo(col("now.files")), 1L).otherwise(0L);
        Column differing = filter(
                array(compared.toArray(Column[]::new)),
                change -> change.getField("from").notEqual(change.getField("to")));
        return both.select(col("uri"), same.as("same"), explode(differing).as("change"));
    }

    private static Column compared(String what, Column from, Column to) {
        return struct(lit(what).as("what"), from.as("from"), to.as("to"));
    }

    private static List<Change> changes(Dataset<Row> changed) {
        Map<List<Object>, List<String>> examples = new HashMap<>();
        changed.withColumn("place", row_number().over(Window.partitionBy(KIND).orderBy("uri")))
                .where(col("place").leq(EXAMPLES))
                .groupBy(KIND)
                .agg(sort_array(collect_list("uri")))
                .collectAsList()
                .forEach(row ->
                        examples.put(List.of(row.get(0), row.get(1), row.get(2)), List.copyOf(row.<String>getList(3))));
        return changed.groupBy(KIND).agg(count(lit(1)), sum("same")).collectAsList().stream()
                .map(row -> new Change(
                        row.getString(0),
                        row.getString(1),
                        row.getString(2),
                        row.getLong(3),
                        row.getLong(4),
                        examples.get(List.of(row.get(0), row.get(1), row.get(2)))))
                .sorted(Comparator.comparingInt(RunDifferences::harm)
                        .thenComparing(
                                Comparator.comparingLong(Change::checkpoints).reversed())
                        .thenComparing(Change::what)
                        .thenComparing(Change::from))
                .toList();
    }

    /** The less, the more it matters. */
    private static int harm(Change change) {
        if (change.to().equals(Outcome.SILENTLY_WRONG.name())) {
            return 0;
        }
        if (change.what().equals(STATUS)) {
            return change.to().equals("OK") ? 3 : 1;
        }
        return change.from().equals(Outcome.SILENTLY_WRONG.name()) ? 3 : 2;
    }
}

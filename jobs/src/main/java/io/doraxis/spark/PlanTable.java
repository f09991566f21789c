package io.doraxis.spark;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** A plan of merges or exports: CSV with a header, or Parquet. */
final class PlanTable {
    static final String ADAPTER = "adapter";
    static final String BASE = "base";
    static final String OUTPUT = "output";
    private static final List<String> COLUMNS = List.of(ADAPTER, BASE, OUTPUT);

    private PlanTable() {}

    /** @throws IOException if it is no such table, or lists an output twice */
    static Dataset<Row> read(SparkSession spark, String plan) throws IOException {
        Dataset<Row> listed = plan.endsWith(".csv")
                ? Tables.reader(spark).option("header", true).csv(plan)
                : Tables.reader(spark).parquet(plan);
        List<String> columns = Arrays.asList(listed.columns());
        if (!columns.containsAll(COLUMNS)) {
            throw new IOException(plan + " has the columns " + columns + ", wanted are " + COLUMNS);
        }
        List<Row> twice = listed.groupBy(OUTPUT)
                .count()
                .filter("count > 1 and output is not null")
                .takeAsList(1);
        if (!twice.isEmpty()) {
            throw new IOException(plan + " lists the output " + twice.get(0).get(0) + " twice");
        }
        return listed;
    }

    /** Empty where there is nothing. */
    static String text(Row row, String column) {
        Object value = row.getAs(column);
        return value == null ? "" : value.toString().trim();
    }
}

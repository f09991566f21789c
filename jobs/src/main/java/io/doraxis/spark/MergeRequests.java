package io.doraxis.spark;

import io.doraxis.merge.Strength;
import io.doraxis.spark.MergeRequest.Settings;
import io.doraxis.spark.MergeRequest.Use;
import io.doraxis.store.ObjectStore;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** The merges that a plan lists: CSV with a header, or Parquet. */
final class MergeRequests {
    private static final String ADAPTER = "adapter";
    private static final String BASE = "base";
    private static final String OUTPUT = "output";
    private static final String STRENGTH = "strength";
    private static final List<String> COLUMNS = List.of(ADAPTER, BASE, OUTPUT);

    private MergeRequests() {}

    /**
     * Reads it.
     *
     * @param strength where the plan does not say
     * @throws IOException if it is no such table, or lists an output twice
     */
    static JavaRDD<MergeRequest> read(
            SparkSession spark, ObjectStore store, String plan, Strength strength, Settings settings)
            throws IOException {
        store.status(plan);
        Dataset<Row> listed = plan.endsWith(".csv")
                ? spark.read()
                        .option("header", true)
                        .option("__globPaths__", false)
                        .csv(plan)
                : spark.read().option("__globPaths__", false).parquet(plan);
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
        return listed.javaRDD()
                .map(row -> new MergeRequest(
                        uses(text(row, ADAPTER), strengths(row), strength),
                        text(row, BASE),
                        text(row, OUTPUT),
                        settings));
    }

    private static String text(Row row, String column) {
        Object value = row.getAs(column);
        return value == null ? "" : value.toString().trim();
    }

    private static String strengths(Row row) {
        return Arrays.asList(row.schema().fieldNames()).contains(STRENGTH) ? text(row, STRENGTH) : "";
    }

    /**
     * Adapters with their strengths.
     *
     * @param strengths one for all, or one for each; empty where the plan says nothing. What is no number becomes NaN,
     *     which the merge refuses
     */
    static List<Use> uses(String adapters, String strengths, Strength given) {
        String[] uris = adapters.split(MergeRequest.SEPARATOR, -1);
        String[] values = strengths.split(MergeRequest.SEPARATOR, -1);
        List<Use> uses = new ArrayList<>(uris.length);
        for (int i = 0; i < uris.length; i++) {
            String own = values.length == 1 ? values[0] : i < values.length ? values[i] : "none";
            uses.add(new Use(uris[i].trim(), own.isBlank() ? given : new Strength(number(own), given.rule())));
        }
        return uses;
    }

    private static double number(String text) {
        try {
            return Double.parseDouble(text.trim());
        } catch (NumberFormatException e) {
            return Double.NaN;
        }
    }
}

package io.doraxis.spark;

import io.doraxis.merge.Strength;
import io.doraxis.spark.MergeRequest.Settings;
import io.doraxis.spark.MergeRequest.Use;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** The merges that a plan lists: CSV with a header, or Parquet. */
final class MergeRequests {
    private static final String STRENGTH = "strength";
    private static final String NO_NUMBER = "none";
    private static final Pattern NUMBER = Pattern.compile("[-+]?(\\d+\\.?\\d*|\\.\\d+)([eE][-+]?\\d+)?");

    private MergeRequests() {}

    /**
     * Reads it.
     *
     * @param strength where the plan does not say
     * @throws IOException if it is no such table, or lists an output twice
     */
    static JavaRDD<MergeRequest> read(SparkSession spark, JobRun run, String plan, Strength strength, Settings settings)
            throws IOException {
        return PlanTable.read(spark, run, plan)
                .javaRDD()
                .map(row -> new MergeRequest(
                        uses(PlanTable.text(row, PlanTable.ADAPTER), strengths(row), strength),
                        PlanTable.text(row, PlanTable.BASE),
                        PlanTable.text(row, PlanTable.OUTPUT),
                        settings));
    }

    private static String strengths(Row row) {
        return Arrays.asList(row.schema().fieldNames()).contains(STRENGTH) ? PlanTable.text(row, STRENGTH) : "";
    }

    /**
     * Adapters with their strengths.
     *
     * @param strengths one for all, or one for each; empty where the plan says nothing. What is no number becomes NaN,
     *     which the merge refuses, and so do all where there are more or fewer
     */
    static List<Use> uses(String adapters, String strengths, Strength given) {
        String[] uris = adapters.split(MergeRequest.SEPARATOR, -1);
        String[] values = strengths.split(MergeRequest.SEPARATOR, -1);
        boolean fit = values.length == 1 || values.length == uris.length;
        List<Use> uses = new ArrayList<>(uris.length);
        for (int i = 0; i < uris.length; i++) {
            String own = fit ? values[values.length == 1 ? 0 : i] : NO_NUMBER;
            uses.add(new Use(uris[i].trim(), own.isBlank() ? given : new Strength(number(own), given.rule())));
        }
        return uses;
    }

    private static double number(String text) {
        return NUMBER.matcher(text.trim()).matches() ? Double.parseDouble(text.trim()) : Double.NaN;
    }
}

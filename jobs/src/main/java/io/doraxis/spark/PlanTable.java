package io.doraxis.spark;

import io.doraxis.store.ObjectStore;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** A plan of merges or exports: CSV with a header, or Parquet. */
final class PlanTable {
    static final String ADAPTER = "adapter";
    static final String BASE = "base";
    static final String OUTPUT = "output";
    private static final byte[] PARQUET = {'P', 'A', 'R', '1'};
    private static final List<String> COLUMNS = List.of(ADAPTER, BASE, OUTPUT);

    private PlanTable() {}

    /** @throws IOException if it is no such table, or its rows get into each other's way */
    static Dataset<Row> read(SparkSession spark, JobRun run, String plan) throws IOException {
        Dataset<Row> listed = isCsv(run.store(), plan)
                ? Tables.reader(spark)
                        .option("header", true)
                        .option("escape", "\"") // as in RFC 4180, and line feeds in quotes
                        .option("multiLine", true)
                        .csv(plan)
                : Tables.reader(spark).parquet(plan);
        List<String> columns = Arrays.asList(listed.columns());
        if (!columns.containsAll(COLUMNS)) {
            throw new IOException(plan + " has the columns " + columns + ", wanted are " + COLUMNS);
        }
        return checked(run, listed, plan);
    }

    /** @throws IOException if its rows get into each other's way */
    static Dataset<Row> checked(JobRun run, Dataset<Row> listed, String plan) throws IOException {
        JobRun.Stores stores = run.stores();
        List<String> objections = listed.javaRDD()
                .mapPartitionsToPair(rows -> PlaceUses.of(stores.open(), rows))
                .reduceByKey(PlaceUses::and)
                .flatMap(place -> place._2.objection(place._1).stream().iterator())
                .take(1);
        if (!objections.isEmpty()) {
            throw new IOException(plan + " " + objections.get(0));
        }
        return listed;
    }

    /** @throws IOException if it is neither that nor Parquet */
    private static boolean isCsv(ObjectStore store, String plan) throws IOException {
        if (plan.toLowerCase(Locale.ROOT).endsWith(".csv")) {
            return true;
        }
        if (store.isFile(plan) && !Arrays.equals(PARQUET, store.text(store.object(plan), PARQUET.length))) {
            throw new IOException(plan + " is no Parquet, and a CSV's name ends in .csv");
        }
        return false;
    }

    /** Empty where there is nothing. */
    static String text(Row row, String column) {
        Object value = row.getAs(column);
        return value == null ? "" : value.toString().trim();
    }
}

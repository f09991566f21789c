package io.doraxis.spark;

import io.doraxis.audit.ChangeColumns;
import io.doraxis.catalog.Change;
import io.doraxis.catalog.Revision;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * The rows of the previous run that stand in this one too.
 *
 * @param previous null without one
 * @param others all checkpoints of both runs but those whose rows stand
 */
record CarriedRows(SparkSession spark, PreviousRun previous, JavaRDD<Revision> others, Listed listed) {
    private static final long ROWS_PER_FILE = 1_000_000;

    Dataset<Row> withCheckpoints(Dataset<Row> rows) {
        return listed.carriedOver() == 0
                ? rows
                : rows.unionByName(previous.checkpoints(table(others), listed.notCarriedOver()));
    }

    Dataset<Row> withModules(Dataset<Row> rows) {
        return listed.carriedOver() == 0
                ? rows
                : rows.unionByName(previous.modules(table(others), listed.notCarriedOver()));
    }

    /** The checkpoints that are not as the previous run found them. */
    Dataset<Row> changes() {
        return table(others.filter(revision -> revision.change() != Change.UNCHANGED))
                .repartition((int) (listed.notCarriedOver() / ROWS_PER_FILE) + 1);
    }

    private Dataset<Row> table(JavaRDD<Revision> revisions) {
        return spark.createDataFrame(
                revisions.map(revision -> Tables.row(ChangeColumns.COLUMNS, revision)),
                Tables.schema(ChangeColumns.COLUMNS));
    }
}

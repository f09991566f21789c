package io.doraxis.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.regexp_replace;

import io.doraxis.audit.CheckpointColumns;
import io.doraxis.store.ObjectStore;
import io.doraxis.store.RunFolder;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** The checkpoints of an audit that a predicate picks, with the columns of a plan. */
final class AuditedExports {
    private static final String URI = "uri";

    /** Of a URI: the scheme, and slashes before the first name. */
    private static final String SCHEME = "^[A-Za-z][A-Za-z0-9+.-]*:/*|^/+";

    /** A part of a path that leads out of the folder before it: a store's key may begin with some. */
    private static final String UP = "(^|/)\\.\\.(?=/|$)";

    private AuditedExports() {}

    /**
     * Reads the latest run that ended. Outputs are below the output's {@code adapters}, each in a directory that is called as
     * the checkpoint's path.
     *
     * @throws IOException if there is no such run, or the predicate is none over these columns
     */
    static Dataset<Row> read(SparkSession spark, ObjectStore store, ExportList.Audit audit, String output)
            throws IOException {
        String table = audit.uri() + "/" + CheckpointColumns.NAME;
        try {
            store.status(table);
        } catch (FileNotFoundException e) {
            throw new IOException("no audit in " + audit.uri(), e);
        }
        List<String> runs = RunFolder.ended(store, audit.uri(), CheckpointColumns.NAME);
        if (runs.isEmpty()) {
            throw new IOException("no run of the audit in " + audit.uri() + " has ended");
        }
        String latest = RunFolder.table(audit.uri(), CheckpointColumns.NAME, runs.get(runs.size() - 1));
        return picked(Tables.reader(spark).parquet(latest), audit)
                .select(
                        col(URI).as(PlanTable.ADAPTER),
                        lit(audit.base()).as(PlanTable.BASE),
                        concat(lit(output + "/adapters/"), path()).as(PlanTable.OUTPUT));
    }

    /** Of a checkpoint, below any folder. */
    private static Column path() {
        return regexp_replace(regexp_replace(col(URI), SCHEME, ""), UP, "$1__");
    }

    /** Spark parses and checks it here; its exceptions are checked ones that no signature of Java's shows. */
    private static Dataset<Row> picked(Dataset<Row> rows, ExportList.Audit audit) throws IOException {
        try {
            return rows.where(audit.where());
        } catch (Exception e) {
            throw new IOException(
                    "--where " + audit.where() + ": "
                            + e.getMessage().lines().findFirst().orElse(""),
                    e);
        }
    }
}

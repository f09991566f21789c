package io.doraxis.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.max;

import io.doraxis.audit.AtlasColumns;
import io.doraxis.dora.Atlas;
import io.doraxis.dora.WeightNorms;
import io.doraxis.store.ObjectStore;
import io.doraxis.tensorfile.Shape;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Reads the {@code atlas} table. */
final class AtlasTable {
    private static final String RUN = "run_id";
    private static final String MAKE_ONE = ": make one with 'doraxis atlas --output %s'";

    private AtlasTable() {}

    /**
     * Reads the latest run of an atlas.
     *
     * @throws IOException if there is none in that folder
     */
    static Atlas read(SparkSession spark, ObjectStore store, String folder) throws IOException {
        String table = folder + "/" + AtlasColumns.NAME;
        try {
            store.status(table);
        } catch (FileNotFoundException e) {
            throw new IOException("no atlas in " + folder + MAKE_ONE.formatted(folder), e);
        }
        Dataset<Row> rows = Tables.reader(spark).parquet(table);
        Object latest = rows.agg(max(RUN)).first().get(0);
        if (latest == null) {
            throw new IOException("the atlas in " + folder + " holds no weights" + MAKE_ONE.formatted(folder));
        }
        Atlas.Builder atlas = new Atlas.Builder();
        Iterator<Row> each = rows.filter(col(RUN).equalTo(latest)).toLocalIterator();
        while (each.hasNext()) {
            Row row = each.next();
            long[] dims = row.<Long>getList(row.fieldIndex("weight_shape")).stream()
                    .mapToLong(Long::longValue)
                    .toArray();
            atlas.add(
                    row.getAs("base"),
                    row.getAs("module"),
                    Shape.of(dims),
                    new WeightNorms(floats(row, "row_norms"), floats(row, "col_norms")));
        }
        return atlas.build();
    }

    private static float[] floats(Row row, String column) {
        List<Float> values = row.getList(row.fieldIndex(column));
        float[] floats = new float[values.size()];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = values.get(i);
        }
        return floats;
    }
}

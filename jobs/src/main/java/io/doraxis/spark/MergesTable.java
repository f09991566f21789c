package io.doraxis.spark;

import static org.apache.spark.sql.functions.col;

import io.doraxis.tensorfile.Printable;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import scala.jdk.javaapi.CollectionConverters;

/** The {@code merges} and {@code exports} tables, which have the same columns: what became of each. */
final class MergesTable {
    static final String NAME = "merges";
    static final String EXPORTS = "exports";
    static final String STATUS = "status";
    private static final int FIRST_ERRORS = 5;
    private static final DataType STRING = DataTypes.StringType;

    static final StructType SCHEMA = new StructType()
            .add("adapter", STRING, false, "The adapter, as the plan names it; several with semicolons between them.")
            .add("base", STRING, false, "The base model, as the plan names it.")
            .add("output", STRING, false, "The file or folder, as the plan names it.")
            .add("plan", DataTypes.createMapType(STRING, DataTypes.IntegerType), true, "Modules merged, by algorithm.")
            .add(STATUS, STRING, false, "DONE, REFUSED, FAILED or UP_TO_DATE.")
            .add("error_code", STRING, true, "Why it was refused or failed.")
            .add("error_message", STRING, true, "The same in words.")
            .add("kernel", STRING, true, "What computed it.")
            .add("device", STRING, true, "On what: cpu, or gpu with its address.")
            .add("modules", DataTypes.IntegerType, true, "Modules merged.")
            .add("tensors_written", DataTypes.IntegerType, true, "Tensors of the base that changed.")
            .add("tensors_copied", DataTypes.IntegerType, true, "Tensors that did not.")
            .add("bytes_read", DataTypes.LongType, true, "Of the adapters and the base.")
            .add("bytes_written", DataTypes.LongType, true, "Size of the output.")
            .add("input_digest", STRING, true, "SHA-256 over the inputs' names, sizes and times, and the request.")
            .add("output_digest", STRING, true, "SHA-256 of the file; of a folder over its files' digests.")
            .add("max_change", DataTypes.DoubleType, true, "Largest change of an element.")
            .add("mean_change", DataTypes.DoubleType, true, "Mean change of the elements of tensors that changed.")
            .add(
                    "rel_error",
                    DataTypes.DoubleType,
                    true,
                    "Of a lossy export: of all lossy modules together, as in rel_errors. Of an exact one that was verified: the largest of a tensor, its largest difference by its largest value.")
            .add("rel_error_worst_module", STRING, true, "The module or tensor that is farthest off.")
            .add(
                    "rel_errors",
                    DataTypes.createMapType(STRING, DataTypes.DoubleType),
                    true,
                    "Of a lossy export: of each module that is, the difference to the merged weight by the change, norms both.")
            .add(
                    "warnings",
                    DataTypes.createArrayType(STRING),
                    true,
                    "What was left out, what overflowed, and why it was not the GPU.")
            .add("seconds", DataTypes.createMapType(STRING, DataTypes.DoubleType), true, "By phase.");

    private MergesTable() {}

    static Row row(MergeResult result) {
        return RowFactory.create(
                result.request().adapterNames(),
                result.request().base(),
                result.request().output(),
                CollectionConverters.asScala(result.plan()),
                result.status().name(),
                result.code(),
                result.message(),
                result.kernel(),
                result.device(),
                result.plan().values().stream().mapToInt(Integer::intValue).sum(),
                result.written(),
                result.copied(),
                result.bytesRead(),
                result.bytesWritten(),
                result.inputDigest(),
                result.outputDigest(),
                result.maxChange(),
                result.meanChange(),
                null,
                null,
                null,
                CollectionConverters.asScala(result.warnings()).toSeq(),
                CollectionConverters.asScala(result.seconds()));
    }

    static Row row(ExportResult result) {
        return RowFactory.create(
                result.request().adapter(),
                result.request().base(),
                result.request().output(),
                CollectionConverters.asScala(result.plan()),
                result.status().name(),
                result.code(),
                result.message(),
                result.kernel(),
                result.device(),
                result.plan().values().stream().mapToInt(Integer::intValue).sum(),
                result.computed(),
                result.copied(),
                result.bytesRead(),
                result.bytesWritten(),
                result.inputDigest(),
                result.outputDigest(),
                null,
                null,
                result.relError(),
                result.relErrorLayer(),
                CollectionConverters.asScala(result.relErrors()),
                CollectionConverters.asScala(result.warnings()).toSeq(),
                CollectionConverters.asScala(result.seconds()));
    }

    /** How many rows of a table that was written ended how. */
    static Map<String, Long> statuses(SparkSession spark, String table) {
        Map<String, Long> statuses = new TreeMap<>();
        for (Row row :
                Tables.reader(spark).parquet(table).groupBy(STATUS).count().collectAsList()) {
            statuses.put(row.getString(0), row.getLong(1));
        }
        return statuses;
    }

    /** Why rows of a table that was written were refused or failed, of a few. */
    static List<String> firstErrors(SparkSession spark, String table) {
        return Tables.reader(spark)
                .parquet(table)
                .filter(col("error_code").isNotNull())
                .select("status", "error_code", "adapter", "error_message")
                .takeAsList(FIRST_ERRORS)
                .stream()
                .map(row -> "%s %s: %s: %s".formatted(row.get(0), row.get(1), row.get(2), row.get(3)))
                .map(Printable::of)
                .toList();
    }
}

package io.doraxis.spark;

import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import scala.jdk.javaapi.CollectionConverters;

/** The {@code merges} table: what became of each merge. */
final class MergesTable {
    static final String NAME = "merges";
    static final String STATUS = "status";
    private static final String CPU = "cpu";
    private static final DataType STRING = DataTypes.StringType;

    static final StructType SCHEMA = new StructType()
            .add("adapter", STRING, false, "The adapter, as the plan names it.")
            .add("base", STRING, false, "The base model, as the plan names it.")
            .add("output", STRING, false, "The file, as the plan names it.")
            .add("plan", DataTypes.createMapType(STRING, DataTypes.IntegerType), true, "Modules merged, by algorithm.")
            .add(STATUS, STRING, false, "DONE, REFUSED, FAILED or UP_TO_DATE.")
            .add("error_code", STRING, true, "Why it was refused or failed.")
            .add("error_message", STRING, true, "The same in words.")
            .add("kernel", STRING, true, "What computed it.")
            .add("device", STRING, true, "On what: cpu.")
            .add("modules", DataTypes.IntegerType, true, "Modules merged.")
            .add("tensors_written", DataTypes.IntegerType, true, "Tensors of the base that changed.")
            .add("tensors_copied", DataTypes.IntegerType, true, "Tensors copied byte for byte.")
            .add("bytes_read", DataTypes.LongType, true, "Of the adapter and the base.")
            .add("bytes_written", DataTypes.LongType, true, "Size of the output.")
            .add("input_digest", STRING, true, "SHA-256 over the inputs' names, sizes and times, and the request.")
            .add("output_digest", STRING, true, "SHA-256 of the output.")
            .add("max_change", DataTypes.DoubleType, true, "Largest change of an element.")
            .add("rel_error", DataTypes.DoubleType, true, "Null: a merge is exact up to rounding.")
            .add("rel_error_worst_module", STRING, true, "Null, as rel_error.")
            .add("seconds", DataTypes.createMapType(STRING, DataTypes.DoubleType), true, "By phase.");

    private MergesTable() {}

    static Row row(MergeResult result) {
        boolean computed = result.status() == MergeResult.Status.DONE;
        return RowFactory.create(
                result.item().adapter(),
                result.item().base(),
                result.item().output(),
                CollectionConverters.asScala(result.plan()),
                result.status().name(),
                result.code(),
                result.message(),
                computed ? MergeFile.KERNEL : null,
                computed ? CPU : null,
                result.plan().values().stream().mapToInt(Integer::intValue).sum(),
                result.written(),
                result.copied(),
                result.bytesRead(),
                result.bytesWritten(),
                result.inputDigest(),
                result.outputDigest(),
                result.maxChange(),
                null,
                null,
                CollectionConverters.asScala(result.seconds()));
    }
}

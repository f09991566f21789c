package io.doraxis.spark;

import io.doraxis.audit.AtlasColumns;
import io.doraxis.audit.ChangeColumns;
import io.doraxis.audit.CheckpointColumns;
import io.doraxis.audit.Column;
import io.doraxis.audit.ColumnType;
import io.doraxis.audit.ColumnType.Field;
import io.doraxis.audit.ColumnType.ListOf;
import io.doraxis.audit.ColumnType.MapOf;
import io.doraxis.audit.ColumnType.Scalar;
import io.doraxis.audit.ColumnType.StructOf;
import io.doraxis.audit.ModuleColumns;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.DataFrameReader;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import scala.collection.mutable.ArraySeq;
import scala.jdk.javaapi.CollectionConverters;

/** The published tables' columns as Spark's types and rows. */
final class Tables {
    /** What an unfinished run left of any of them is removed. */
    static final List<String> NAMES = List.of(
            CheckpointColumns.NAME,
            ModuleColumns.NAME,
            ChangeColumns.NAME,
            AtlasColumns.NAME,
            MergesTable.NAME,
            MergesTable.EXPORTS);

    /** Spark's own option: a folder may be called [a]. */
    private static final String NO_GLOB = "__globPaths__";

    private Tables() {}

    /** Reads from places as they are called: the one way in which jobs read tables, their own and others. */
    static DataFrameReader reader(SparkSession spark) {
        return spark.read().option(NO_GLOB, "false");
    }

    static <T> StructType schema(List<Column<T>> columns) {
        List<StructField> fields = new ArrayList<>();
        for (Column<T> column : columns) {
            fields.add(new StructField(column.name(), dataType(column.type()), true, Metadata.empty())
                    .withComment(column.description()));
        }
        return DataTypes.createStructType(fields);
    }

    static <T> Row row(List<Column<T>> columns, T source) {
        Object[] values = new Object[columns.size()];
        for (int i = 0; i < values.length; i++) {
            Column<T> column = columns.get(i);
            values[i] = value(column.type(), column.value().apply(source));
        }
        return RowFactory.create(values);
    }

    private static DataType dataType(ColumnType type) {
        if (type instanceof ListOf list) {
            return DataTypes.createArrayType(dataType(list.element()));
        }
        if (type instanceof MapOf map) {
            return DataTypes.createMapType(DataTypes.StringType, dataType(map.value()));
        }
        if (type instanceof StructOf struct) {
            List<StructField> fields = new ArrayList<>();
            for (Field field : struct.fields()) {
                fields.add(DataTypes.createStructField(field.name(), dataType(field.type()), true));
            }
            return DataTypes.createStructType(fields);
        }
        return switch ((Scalar) type) {
            case STRING -> DataTypes.StringType;
            case BOOLEAN -> DataTypes.BooleanType;
            case INT -> DataTypes.IntegerType;
            case LONG -> DataTypes.LongType;
            case FLOAT -> DataTypes.FloatType;
            case DOUBLE -> DataTypes.DoubleType;
            case TIMESTAMP -> DataTypes.TimestampType;
        };
    }

    private static Object value(ColumnType type, Object value) {
        if (value == null) {
            return null;
        }
        if (type instanceof ListOf list) {
            List<?> items = (List<?>) value;
            Object[] converted = new Object[items.size()];
            for (int i = 0; i < converted.length; i++) {
                converted[i] = value(list.element(), items.get(i));
            }
            return ArraySeq.make(converted);
        }
        if (type instanceof MapOf map) {
            Map<String, Object> converted = new HashMap<>();
            ((Map<?, ?>) value).forEach((key, item) -> converted.put((String) key, value(map.value(), item)));
            return CollectionConverters.asScala(converted);
        }
        if (type instanceof StructOf struct) {
            List<?> items = (List<?>) value;
            Object[] converted = new Object[items.size()];
            for (int i = 0; i < converted.length; i++) {
                converted[i] = value(struct.fields().get(i).type(), items.get(i));
            }
            return RowFactory.create(converted);
        }
        return value;
    }
}

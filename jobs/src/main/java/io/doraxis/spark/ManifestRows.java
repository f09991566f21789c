package io.doraxis.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.from_csv;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.regexp_replace;
import static org.apache.spark.sql.functions.unix_millis;

import io.doraxis.catalog.StoredObject;
import io.doraxis.store.ObjectStore;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * A manifest's rows, whatever its form: a text with a path in each line, CSV with a header, Parquet, a folder of files of one of
 * these, or an S3 Inventory.
 *
 * @param folder that relative paths are below
 * @param entries columns of texts path, size, etag, mtime, then of texts the line, its file, and the line again where it has other fields than the first
 * @param sized whether sizes are told
 */
record ManifestRows(String folder, Dataset<Row> entries, boolean sized) {
    static final String PATH = "path";
    static final String SIZE = "size";
    static final String ETAG = "etag";
    static final String MTIME = "mtime";
    private static final List<String> FIELDS = List.of(PATH, SIZE, ETAG, MTIME);
    private static final String WANTED = "wanted is path and, where they are known, size, etag and mtime";

    /** Of a text: the line as it stands, its file, and what Spark could not make columns of. */
    private static final String LINE = "line";

    private static final String FILE = "file";
    private static final String CORRUPT = "corrupt line";
    static final String BYTE_ORDER_MARK = "^\uFEFF";

    /** Without a time zone they are those of the session, UTC. */
    private static final Set<DataType> TIMESTAMPS = Set.of(DataTypes.TimestampType, DataTypes.TimestampNTZType);

    private static final byte[] PARQUET_MAGIC = {'P', 'A', 'R', '1'};

    private enum Format {
        TEXT,
        CSV,
        PARQUET,
        INVENTORY;

        static Format of(String name) {
            String lower = name.toLowerCase(Locale.ROOT);
            return lower.equals("manifest.json")
                    ? INVENTORY
                    : lower.matches(".*\\.csv(\\.\\w+)?") ? CSV : lower.endsWith(".parquet") ? PARQUET : TEXT;
        }
    }

    /**
     * Opens a manifest; of its rows none is read yet.
     *
     * @throws IOException if there is none, or it has other columns
     */
    static ManifestRows open(SparkSession spark, ObjectStore store, String uri) throws IOException {
        boolean isFile = store.isFile(uri);
        StoredObject self = store.object(uri);
        String folder = isFile ? self.directory() : self.uri();
        Format format = isFile ? ofFile(store, self) : ofFolder(store, uri);
        switch (format) {
            case TEXT -> {
                Dataset<Row> lines = lines(spark, uri);
                Dataset<Row> entries = lines.select(
                        col(LINE).as(PATH), none(SIZE), none(ETAG), none(MTIME), col(LINE), col(FILE), none(CORRUPT));
                return new ManifestRows(folder, entries, false);
            }
            case CSV -> {
                return ofCsv(spark, uri, folder);
            }
            case PARQUET -> {
                return ofParquet(spark, uri, folder);
            }
            default -> {
                Dataset<Row> objects = Inventory.read(spark, store, isFile ? uri : uri + "/manifest.json");
                return new ManifestRows(folder, objects.select(withoutLines(FIELDS)), true);
            }
        }
    }

    private static Format ofFile(ObjectStore store, StoredObject file) throws IOException {
        Format format = Format.of(file.fileName());
        boolean isParquet = format == Format.TEXT
                && file.size() > PARQUET_MAGIC.length
                && Arrays.equals(PARQUET_MAGIC, store.text(file, PARQUET_MAGIC.length));
        return isParquet ? Format.PARQUET : format;
    }

    private static Format ofFolder(ObjectStore store, String folder) throws IOException {
        Set<Format> formats = store.names(folder).stream()
                .filter(name -> !name.startsWith(".") && !name.startsWith("_")) // as Spark passes over them
                .map(Format::of)
                .collect(Collectors.toSet());
        if (formats.contains(Format.INVENTORY)) {
            return Format.INVENTORY;
        }
        if (formats.size() != 1) {
            throw new IOException("the manifest " + folder
                    + (formats.isEmpty()
                            ? " is an empty folder"
                            : " is a folder of files of several kinds: " + formats));
        }
        return formats.iterator().next();
    }

    private static Column none(String name) {
        return lit(null).cast(DataTypes.StringType).as(name);
    }

    private static Dataset<Row> lines(SparkSession spark, String uri) {
        return Tables.reader(spark)
                .text(uri)
                .select(
                        regexp_replace(col("value"), BYTE_ORDER_MARK, "").as(LINE),
                        col("_metadata.file_path").as(FILE))
                .filter(col(LINE).rlike("\\S"));
    }

    private static ManifestRows ofCsv(SparkSession spark, String uri, String folder) throws IOException {
        Dataset<Row> lines = lines(spark, uri);
        List<Row> first = lines.takeAsList(1);
        String header = first.isEmpty() ? "" : first.get(0).getString(0);
        List<String> columns = Stream.of(header.split(",", -1))
                .map(column -> column.replace("\"", "").strip().toLowerCase(Locale.ROOT))
                .toList();
        check(uri, columns);
        StructType schema = new StructType();
        for (String column : columns) {
            schema = schema.add(column, DataTypes.StringType);
        }
        Column parsed = from_csv(
                col(LINE),
                lit(schema.add(CORRUPT, DataTypes.StringType).toDDL()),
                Map.of("escape", "\"", "columnNameOfCorruptRecord", CORRUPT));
        Dataset<Row> rows = lines.filter(col(LINE).notEqual(header)).withColumn("parsed", parsed);
        List<Column> fields = new ArrayList<>();
        FIELDS.forEach(field ->
                fields.add(columns.contains(field) ? col("parsed." + field).as(field) : none(field)));
        fields.addAll(
                List.of(col(LINE), col(FILE), col("parsed.`" + CORRUPT + "`").as(CORRUPT)));
        return new ManifestRows(folder, rows.select(fields.toArray(Column[]::new)), columns.contains(SIZE));
    }

    private static void check(String uri, List<String> columns) throws IOException {
        if (!columns.contains(PATH) || new HashSet<>(columns).size() != columns.size()) {
            throw new IOException("the manifest " + uri + " has the columns " + columns + "; " + WANTED);
        }
    }

    /** Of a checkpoints table it is the files. */
    private static ManifestRows ofParquet(SparkSession spark, String uri, String folder) throws IOException {
        Dataset<Row> table = Tables.reader(spark).parquet(uri);
        if (Arrays.asList(table.columns()).contains("files")) {
            table = table.select(explode(col("files")).as("object"))
                    .select("object.*")
                    .withColumnRenamed("uri", PATH);
        }
        List<String> columns = Arrays.asList(table.columns());
        check(uri, columns);
        boolean timestamps = columns.contains(MTIME)
                && TIMESTAMPS.contains(table.schema().apply(MTIME).dataType());
        Dataset<Row> plain =
                timestamps ? table.withColumn(MTIME, unix_millis(col(MTIME).cast(DataTypes.TimestampType))) : table;
        return new ManifestRows(folder, plain.select(withoutLines(columns)), columns.contains(SIZE));
    }

    private static Column[] withoutLines(List<String> columns) {
        Stream<Column> fields = FIELDS.stream()
                .map(field -> columns.contains(field)
                        ? col(field).cast(DataTypes.StringType).as(field)
                        : none(field));
        return Stream.concat(fields, Stream.of(none(LINE), none(FILE), none(CORRUPT)))
                .toArray(Column[]::new);
    }
}

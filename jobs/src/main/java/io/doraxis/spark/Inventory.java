package io.doraxis.spark;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.lower;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.unix_millis;
import static org.apache.spark.sql.functions.url_decode;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.doraxis.catalog.StoredObject;
import io.doraxis.store.ObjectStore;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * The latest objects of an S3 Inventory. CSV files have no header, their columns stand in the manifest, and keys in them are
 * encoded as in URLs; Parquet and ORC tell their own columns.
 *
 * @see <a href="https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html">manifest.json</a>
 */
final class Inventory {
    private static final String BUCKET = "bucket";
    private static final String KEY = "key";
    private static final String MODIFIED = "lastmodifieddate";
    private static final String LATEST = "islatest";
    private static final String DELETED = "isdeletemarker";

    private Inventory() {}

    /**
     * Reads the manifest, and of its files the columns only.
     *
     * @throws IOException if it is none, or lacks one of its files or columns
     */
    static Dataset<Row> read(SparkSession spark, ObjectStore store, String uri) throws IOException {
        StoredObject self = store.object(uri);
        JsonNode manifest = json(store, self);
        String format = manifest.path("fileFormat").asText().toUpperCase(Locale.ROOT);
        String[] files = files(store, self, manifest);
        Dataset<Row> rows = switch (format) {
            case "CSV" ->
                Tables.reader(spark)
                        .option("escape", "\"")
                        .schema(columns(manifest))
                        .csv(files);
            case "PARQUET" -> Tables.reader(spark).parquet(files);
            case "ORC" -> Tables.reader(spark).orc(files);
            default ->
                throw new IOException(
                        uri + " is no S3 Inventory: its fileFormat is '" + format + "', not CSV, Parquet or ORC");
        };
        return objects(uri, rows.toDF(named(rows.columns())), format.equals("CSV"));
    }

    private static JsonNode json(ObjectStore store, StoredObject self) throws IOException {
        try {
            return new ObjectMapper().readTree(store.text(self, Math.toIntExact(self.size())));
        } catch (JsonProcessingException e) {
            throw new IOException(self.uri() + " is no JSON: " + e.getOriginalMessage(), e);
        }
    }

    /** The files lie at their keys in their bucket, or in a copy of it: below a folder above the manifest. */
    private static String[] files(ObjectStore store, StoredObject self, JsonNode manifest) throws IOException {
        List<String> keys = new ArrayList<>();
        manifest.path("files").forEach(file -> keys.add(file.path(KEY).asText()));
        if (keys.isEmpty()) {
            throw new IOException(self.uri() + " is no S3 Inventory: it names no files");
        }
        for (String above = self.directory(); above.contains("/"); above = parent(above)) {
            if (isThere(store, above + "/" + keys.get(0))) {
                String root = above;
                return keys.stream().map(key -> root + "/" + key).toArray(String[]::new);
            }
        }
        throw new IOException(
                "no file " + keys.get(0) + " of the inventory below a folder that " + self.uri() + " is in");
    }

    private static String parent(String folder) {
        return folder.substring(0, folder.lastIndexOf('/'));
    }

    private static boolean isThere(ObjectStore store, String uri) throws IOException {
        try {
            return store.isFile(uri);
        } catch (FileNotFoundException e) {
            return false;
        }
    }

    private static StructType columns(JsonNode manifest) {
        StructType columns = new StructType();
        for (String column : manifest.path("fileSchema").asText().split(",")) {
            columns = columns.add(column.strip(), DataTypes.StringType);
        }
        return columns;
    }

    /** {@code IsLatest} of CSV is {@code is_latest} of Parquet and ORC. */
    private static String[] named(String[] columns) {
        return Arrays.stream(columns)
                .map(column -> column.replace("_", "").toLowerCase(Locale.ROOT))
                .toArray(String[]::new);
    }

    private static Dataset<Row> objects(String uri, Dataset<Row> rows, boolean encoded) throws IOException {
        List<String> columns = Arrays.asList(rows.columns());
        if (!columns.containsAll(List.of(BUCKET, KEY))) {
            throw new IOException(
                    "the inventory " + uri + " has the columns " + columns + ", wanted are Bucket and Key");
        }
        Dataset<Row> latest = rows;
        if (columns.contains(LATEST)) {
            latest = latest.filter(is(LATEST, true));
        }
        if (columns.contains(DELETED)) {
            latest = latest.filter(not(is(DELETED, false)));
        }
        Column key = encoded ? url_decode(col(KEY)) : col(KEY);
        return latest.filter(not(key.endsWith("/"))) // what consoles make for a folder
                .select(
                        concat(lit("s3a://"), col(BUCKET), lit("/"), key).as(ManifestRows.PATH),
                        known(columns, ManifestRows.SIZE),
                        known(columns, ManifestRows.ETAG),
                        columns.contains(MODIFIED) ? time(rows).as(ManifestRows.MTIME) : none(ManifestRows.MTIME));
    }

    private static Column is(String flag, boolean unlessTold) {
        return coalesce(lower(col(flag).cast(DataTypes.StringType)).equalTo("true"), lit(unlessTold));
    }

    private static Column known(List<String> columns, String name) {
        return columns.contains(name) ? col(name) : none(name);
    }

    private static Column none(String name) {
        return lit(null).as(name);
    }

    private static Column time(Dataset<Row> rows) {
        boolean text = rows.schema().apply(MODIFIED).dataType().equals(DataTypes.StringType);
        return text ? col(MODIFIED) : unix_millis(col(MODIFIED).cast(DataTypes.TimestampType));
    }
}

package io.doraxis.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.doraxis.catalog.StoredObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Objects as manifests of all kinds name them. */
class ManifestIT {
    private static final long NEW_YEAR = 1767225600000L;

    private static SparkSession spark;

    @TempDir
    private Path folder;

    @BeforeAll
    static void start() {
        spark = SparkSession.builder()
                .master("local[2]")
                .config("spark.ui.enabled", "false")
                .config("spark.driver.bindAddress", "127.0.0.1")
                .config("spark.driver.host", "127.0.0.1")
                .config("spark.sql.session.timeZone", "UTC")
                .getOrCreate();
    }

    @AfterAll
    static void stop() {
        spark.stop();
    }

    @BeforeEach
    void makeFiles() throws IOException {
        Files.createDirectories(folder.resolve("a b"));
        Files.writeString(folder.resolve("a b/x,1.pt"), "four");
    }

    private List<StoredObject> objects(Path manifest) throws IOException {
        JobRun run = new JobRun(spark, List.of());
        return Manifest.open(spark, run, manifest.toString()).objects(run.stores(), 4).collect().stream()
                .sorted(Comparator.comparing(StoredObject::uri))
                .toList();
    }

    private String uri(String path) {
        return "file:" + folder.resolve(path);
    }

    private Path write(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text);
    }

    @Test
    void ofALineThatIsAPathTheStoreIsAsked() throws IOException {
        Path manifest = write("list", "\uFEFFa b/x,1.pt\r\n\n" + folder.resolve("none.pt") + "\nfile:///far/y.pt\na b");
        List<StoredObject> objects = objects(manifest);
        assertThat(objects)
                .extracting(StoredObject::uri, StoredObject::size)
                .containsExactlyInAnyOrder(
                        tuple(uri("a b/x,1.pt"), 4L),
                        tuple(uri("none.pt"), -1L),
                        tuple("file:/far/y.pt", -1L),
                        tuple(uri("a b") + "/", -1L));
        assertThat(objects).filteredOn(object -> object.size() == 4).allMatch(object -> object.modified() > NEW_YEAR);
    }

    @ParameterizedTest
    @ValueSource(strings = {"list.csv", "lists"})
    void csvHasItsColumnsInAnyOrderAndIsNotAskedAbout(String name) throws IOException {
        String text = "etag,\"Path\",owner,size,mtime\n"
                + "e1,\"a b/x,1.pt\",me,7,2026-01-01T00:00:00Z\n"
                + ",\"say \"\"hi\"\".pt\",,0,\n";
        if (name.equals("lists")) {
            Files.createDirectories(folder.resolve("lists"));
            write("lists/_SUCCESS", "");
            write("lists/1.csv", text.substring(0, text.indexOf(",\"say")));
            write("lists/2.csv", "etag,\"Path\",owner,size,mtime\n" + text.substring(text.indexOf(",\"say")));
        }
        Path base = name.equals("lists") ? folder.resolve("lists") : folder;
        assertThat(objects(name.equals("lists") ? base : write(name, text)))
                .containsExactly(
                        new StoredObject("file:" + base.resolve("a b/x,1.pt"), 7, "e1", NEW_YEAR),
                        new StoredObject("file:" + base.resolve("say \"hi\".pt"), 0, null, StoredObject.UNKNOWN_TIME));
    }

    @Test
    void whatCsvLeavesOpenIsAskedFor() throws IOException {
        assertThat(objects(write("list.csv", "path,size\n\"a b/x,1.pt\",\n")))
                .extracting(StoredObject::size)
                .containsExactly(4L);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "a.pt,x    | line 3 of file:FOLDER/list.csv: the size 'x' is no number of bytes",
                "a.pt      | line 3 of file:FOLDER/list.csv: not as many fields as the first line has",
                "a.pt,1,2  | line 3 of file:FOLDER/list.csv: not as many fields as the first line has",
                "'\"\",1'  | line 3 of file:FOLDER/list.csv: no path",
                "nofs:/a,1 | line 3 of file:FOLDER/list.csv: No FileSystem for scheme \"nofs\""
            })
    void aRowThatNamesNoObjectIsAnError(String line, String said) throws IOException {
        Path manifest = write("list.csv", "path,size\nb.pt,1\n" + line + "\n" + line + "\n");
        assertThatThrownBy(() -> objects(manifest))
                .isInstanceOf(IOException.class)
                .hasMessage("the manifest " + manifest + " has 2 rows that cannot be used, such as "
                        + said.replace("FOLDER", folder.toString()));
    }

    @Test
    void otherColumnsAreAnError() throws IOException {
        Path manifest = write("list.csv", "file,size\na,1\n");
        assertThatThrownBy(() -> objects(manifest))
                .hasMessage("the manifest " + manifest + " has the columns [file, size]; wanted is path and, where they"
                        + " are known, size, etag and mtime");
    }

    @Test
    void aFolderOfSeveralKindsIsAnError() throws IOException {
        Files.createDirectories(folder.resolve("lists"));
        write("lists/a.csv", "path\n");
        write("lists/a.txt", "a\n");
        assertThatThrownBy(() -> objects(folder.resolve("lists"))).hasMessageContaining("several kinds: [");
        Files.createDirectories(folder.resolve("none"));
        assertThatThrownBy(() -> objects(folder.resolve("none"))).hasMessageContaining("is an empty folder");
    }

    @ParameterizedTest
    @ValueSource(strings = {"TIMESTAMP", "TIMESTAMP_NTZ"})
    void parquetHasThoseColumns(String type) throws IOException {
        Path table = folder.resolve("table");
        spark.sql("SELECT 'a.pt' AS path, 3 AS size, 'e' AS etag, %s '2026-01-01 00:00:00' AS mtime".formatted(type))
                .write()
                .parquet(table.toString());
        assertThat(objects(table)).containsExactly(new StoredObject("file:" + table.resolve("a.pt"), 3, "e", NEW_YEAR));
        Path bad = folder.resolve("bad");
        spark.sql("SELECT 'a.pt' AS path, 1.5D AS size").write().parquet(bad.toString());
        assertThatThrownBy(() -> objects(bad))
                .hasMessageEndingWith("such as that of 'a.pt': the size '1.5' is no number of bytes");
    }

    @Test
    void theCheckpointsOfAnAuditAreAManifest() throws IOException {
        Path table = folder.resolve("checkpoints");
        spark.sql("SELECT 'd' AS uri, array(named_struct('uri', 'file:/d/a', 'size', 1L, 'etag', 'e', 'mtime',"
                        + " TIMESTAMP '2026-01-01 00:00:00')) AS files")
                .write()
                .parquet(table.toString());
        assertThat(objects(table)).containsExactly(new StoredObject("file:/d/a", 1, "e", NEW_YEAR));
    }

    private static final String INVENTORY = "SELECT * FROM VALUES"
            + " ('hub', KEY('a b/ü+1.pt'), 'v2', true, false, 5L, TIMESTAMP '2026-01-01 00:00:00', 'e'),"
            + " ('hub', KEY('a b/ü+1.pt'), 'v1', false, false, 4L, TIMESTAMP '2025-01-01 00:00:00', 'd'),"
            + " ('hub', KEY('gone.pt'), 'v1', true, true, NULL, TIMESTAMP '2026-01-01 00:00:00', NULL),"
            + " ('hub', KEY('folder/'), 'v1', true, false, 0L, TIMESTAMP '2026-01-01 00:00:00', 'f')";

    @ParameterizedTest
    @ValueSource(strings = {"CSV", "Parquet", "ORC"})
    void ofAnInventoryTheLatestObjectsCount(String format) throws IOException {
        boolean csv = format.equals("CSV");
        Dataset<Row> rows = spark.sql(INVENTORY.replace("KEY(", csv ? "url_encode(" : "("))
                .toDF(
                        "bucket",
                        "key",
                        "version_id",
                        "is_latest",
                        "is_delete_marker",
                        "size",
                        "last_modified_date",
                        "e_tag");
        Path data = folder.resolve("dest/hub/daily/data");
        if (csv) {
            rows.withColumn("last_modified_date", rows.col("last_modified_date").cast("string"))
                    .selectExpr(
                            "bucket",
                            "key",
                            "version_id",
                            "is_latest",
                            "is_delete_marker",
                            "size",
                            "replace(last_modified_date, ' ', 'T') || '.000Z'",
                            "e_tag")
                    .write()
                    .option("compression", "gzip")
                    .option("quoteAll", true)
                    .csv(data.toString());
        } else {
            rows.write().format(format.toLowerCase(Locale.ROOT)).save(data.toString());
        }
        Path manifest = folder.resolve("dest/hub/daily/2026-01-02T00-00Z/manifest.json");
        Files.createDirectories(manifest.getParent());
        try (Stream<Path> files = Files.list(data)) {
            String keys = files.filter(file -> file.getFileName().toString().startsWith("part-"))
                    .map(file -> "{\"key\": \"hub/daily/data/" + file.getFileName() + "\"}")
                    .collect(Collectors.joining(", "));
            Files.writeString(
                    manifest,
                    "{\"sourceBucket\": \"hub\", \"fileFormat\": \"" + format + "\", \"fileSchema\": \"Bucket, Key,"
                            + " VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag\", \"files\": ["
                            + keys
                            + "]}");
        }
        JobRun run = new JobRun(spark, List.of());
        ManifestRows read = ManifestRows.open(spark, run.store(), manifest.toString());
        List<Row> objects = read.entries().collectAsList();
        assertThat(objects).hasSize(1);
        assertThat(objects.get(0).getString(0)).isEqualTo("s3a://hub/a b/ü+1.pt");
        assertThat(objects.get(0).getString(1)).isEqualTo("5");
        assertThat(objects.get(0).getString(2)).isEqualTo("e");
        assertThat(objects.get(0).getString(3)).isIn("2026-01-01T00:00:00.000Z", String.valueOf(NEW_YEAR));
        assertThat(objects(manifest)).containsExactly(new StoredObject("s3a://hub/a b/ü+1.pt", 5, "e", NEW_YEAR));
    }

    @Test
    void anInventoryWithoutItsFilesIsAnError() throws IOException {
        Path manifest = write("manifest.json", "{\"fileFormat\": \"CSV\", \"files\": [{\"key\": \"data/1.csv.gz\"}]}");
        assertThatThrownBy(() -> objects(manifest)).hasMessageContaining("no file data/1.csv.gz of the inventory");
        write("manifest.json", "{}");
        assertThatThrownBy(() -> objects(manifest)).hasMessageEndingWith("is no S3 Inventory: it names no files");
        write("manifest.json", "{");
        assertThatThrownBy(() -> objects(manifest)).hasMessageContaining("manifest.json is no JSON: ");
    }
}

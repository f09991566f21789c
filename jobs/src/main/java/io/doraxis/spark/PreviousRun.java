package io.doraxis.spark;

import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.udf;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.doraxis.audit.AtlasColumns;
import io.doraxis.audit.CheckpointColumns;
import io.doraxis.audit.ModuleColumns;
import io.doraxis.catalog.FolderGrouping;
import io.doraxis.catalog.StoredObject;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.consumer.FileFacts;
import io.doraxis.store.ObjectStore;
import io.doraxis.store.RunFolder;
import io.doraxis.tensorfile.Reason;
import java.io.IOException;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/** The finished run that an audit goes on from. */
final class PreviousRun {
    /** A struct of the files column with whether it is a card. */
    private static final String OBJECT =
            "struct(%1$s.uri AS uri, %1$s.size AS size, %1$s.etag AS etag, %1$s.mtime AS mtime, %2$s AS isCard)";

    /** As many names of changed checkpoints as every process may hold; more are joined by a shuffle. */
    private static final long MOST_BROADCAST = 100_000;

    /** What another run may find otherwise. */
    private static final String REFUSALS = Stream.of(Reason.values())
            .filter(reason -> reason.isTheStores() || reason == Reason.STORE_CHANGED)
            .map(reason -> "'" + reason.name() + "'")
            .reduce((some, other) -> some + ", " + other)
            .orElseThrow();

    private final SparkSession spark;
    private final ObjectStore store;
    private final String folder;
    private final JsonNode record;

    private PreviousRun(SparkSession spark, ObjectStore store, String folder, JsonNode record) {
        this.spark = spark;
        this.store = store;
        this.folder = folder;
        this.record = record;
    }

    /**
     * Opens a run.
     *
     * @param uri the output folder of an audit, of which the latest run is taken, or the record of a run, {@code runs/ID.json}
     * @throws IOException if there is none
     */
    static PreviousRun open(SparkSession spark, ObjectStore store, String uri) throws IOException {
        StoredObject self = store.object(uri);
        if (!store.isFile(uri)) {
            List<String> audits = RunFolder.ended(store, self.uri(), CheckpointColumns.NAME);
            if (audits.isEmpty()) {
                throw new IOException("no audit that ended in " + uri);
            }
            return open(spark, store, self.uri(), audits.get(audits.size() - 1));
        }
        String runs = self.directory();
        String folder = runs.substring(0, Math.max(0, runs.lastIndexOf('/')));
        for (String id : RunFolder.ended(store, folder, CheckpointColumns.NAME)) {
            if (RunFolder.record(folder, id).equals(self.uri())) {
                return open(spark, store, folder, id);
            }
        }
        throw new IOException(self.fileName() + " in " + folder + " is no record of an audit: runs/ID.json");
    }

    private static PreviousRun open(SparkSession spark, ObjectStore store, String folder, String id)
            throws IOException {
        String uri = RunFolder.record(folder, id);
        try {
            return new PreviousRun(spark, store, folder, AuditRuns.record(store, uri));
        } catch (JsonProcessingException e) {
            throw new IOException(uri + " is no record of a run: " + e.getOriginalMessage(), e);
        }
    }

    String runId() {
        return record.path("run_id").asText();
    }

    String rulesVersion() {
        return record.path("rules_version").asText();
    }

    /** That its rows can tell. */
    private Set<String> facts() {
        Set<String> facts = new HashSet<>();
        record.path("facts").forEach(fact -> facts.add(fact.asText()));
        return facts;
    }

    private Dataset<Row> table(String name) {
        return Tables.reader(spark).parquet(RunFolder.table(folder, name, runId()));
    }

    /**
     * Why none of its rows can stand in a run with these options and columns; null where they can.
     *
     * @throws IOException if the store fails
     */
    String objection(AuditOptions options, ConsumerRules rules, StructType columns) throws IOException {
        JsonNode then = record.path("options");
        String atlas = then.path("atlas").isNull() ? null : then.path("atlas").asText();
        if (!options.values().name().equals(then.path("values").asText())) {
            return "its --values was " + then.path("values").asText();
        }
        if (!Objects.equals(options.atlas(), atlas)) {
            return "its --atlas was " + atlas;
        }
        if (atlas != null && latestOf(atlas).compareTo(runId()) > 0) {
            return "the atlas was made after it";
        }
        if (options.modules() && !then.path("modules").asBoolean()) {
            return "it has no modules table";
        }
        if (!rules.version().equals(rulesVersion()) && !facts().containsAll(rules.asked())) {
            return "its rules were " + rulesVersion() + ", and today's ask for more";
        }
        boolean sameColumns = isOf(columns, CheckpointColumns.NAME)
                && (!options.modules() || isOf(Tables.schema(ModuleColumns.COLUMNS), ModuleColumns.NAME));
        return sameColumns ? null : "its tables have other columns";
    }

    private String latestOf(String atlas) throws IOException {
        return RunFolder.parts(store, atlas, AtlasColumns.NAME).stream()
                .max(Comparator.naturalOrder())
                .orElse("");
    }

    private boolean isOf(StructType columns, String table) {
        return Arrays.equals(types(columns), types(table(table).schema()));
    }

    private static String[] types(StructType columns) {
        return Stream.of(columns.fields()).map(PreviousRun::type).sorted().toArray(String[]::new);
    }

    private static String type(StructField field) {
        return field.name() + " " + field.dataType().catalogString();
    }

    /** The files of its checkpoints, and their cards, in the columns of {@link Listing#EARLIER}. */
    Dataset<Row> files() {
        Dataset<Row> table = table(CheckpointColumns.NAME);
        UDF1<String, String> key = uri -> FolderGrouping.keyOf(new StoredObject(uri, 0, null, 0));
        String files = "transform(files, file -> " + OBJECT.formatted("file", false) + ")";
        boolean cards = Arrays.asList(table.columns()).contains("card");
        return table.withColumn(
                        "key",
                        udf(key, DataTypes.StringType)
                                .apply(col("files").getItem(0).getField("uri")))
                .selectExpr(
                        "key",
                        "uri AS checkpoint",
                        "coalesce(error_code NOT IN (" + REFUSALS + "), true) AS settled",
                        "explode("
                                + (cards
                                        ? "concat(" + files + ", array(" + OBJECT.formatted("card", true) + "))"
                                        : files)
                                + ") AS file")
                .filter("file.uri IS NOT NULL")
                .selectExpr(
                        "key",
                        "file.uri",
                        "file.size",
                        "file.etag",
                        "coalesce(unix_millis(file.mtime), " + StoredObject.UNKNOWN_TIME + ") AS modified",
                        "file.isCard AS card",
                        "0L AS bytes",
                        "checkpoint",
                        "settled");
    }

    /**
     * The rows of its checkpoints that stand, with what today's rules make of them.
     *
     * @param others the uris of checkpoints whose rows do not stand
     * @param count of them
     */
    Dataset<Row> checkpoints(Dataset<Row> others, long count) {
        Dataset<Row> rows = without(others, count, CheckpointColumns.NAME);
        String today = ConsumerRules.bundled().version();
        if (rulesVersion().equals(today)) {
            return rows;
        }
        UDF1<Row, Map<String, Row>> predicted = PreviousRun::predicted;
        return rows.withColumn(
                        "consumers",
                        udf(predicted, rows.schema().apply("consumers").dataType())
                                .apply(col("facts")))
                .withColumn("rules_version", lit(today));
    }

    private static Map<String, Row> predicted(Row facts) {
        if (facts == null) {
            return null; // no adapter
        }
        FileFacts stored = FileFacts.stored(facts.getList(0), facts.getString(1));
        Map<String, Row> consumers = new HashMap<>();
        ConsumerRules.bundled()
                .predict(stored)
                .forEach((name, prediction) -> consumers.put(
                        name, RowFactory.create(prediction.outcome().name(), prediction.reason())));
        return consumers;
    }

    /** The same of their modules. */
    Dataset<Row> modules(Dataset<Row> others, long count) {
        return without(others, count, ModuleColumns.NAME);
    }

    private Dataset<Row> without(Dataset<Row> others, long count, String table) {
        Dataset<Row> rows = table(table);
        Dataset<Row> named = count > MOST_BROADCAST ? others : broadcast(others);
        return rows.join(named, named.col("uri").equalTo(rows.col("uri")), "left_anti");
    }
}

package io.doraxis.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** The tables of an audit's output, read back. */
record AuditTables(List<Row> checkpoints, List<Row> modules) {
    static AuditTables of(Path output) throws IOException {
        try (SparkSession spark = SparkSession.builder()
                .master("local[2]")
                .config("spark.ui.enabled", "false")
                .config("spark.driver.bindAddress", "127.0.0.1")
                .config("spark.driver.host", "127.0.0.1")
                .getOrCreate()) {
            return new AuditTables(
                    spark.read()
                            .parquet(output.resolve("checkpoints").toString())
                            .orderBy("uri")
                            .collectAsList(),
                    spark.read()
                            .parquet(output.resolve("modules").toString())
                            .orderBy("uri", "module")
                            .collectAsList());
        }
    }

    /** The records of the finished runs, oldest first. */
    static List<JsonNode> runs(Path output) throws IOException {
        try (Stream<Path> files = Files.list(output.resolve("runs"))) {
            return files.filter(file -> file.toString().endsWith(".json"))
                    .sorted()
                    .map(AuditTables::read)
                    .toList();
        }
    }

    private static JsonNode read(Path file) {
        try {
            return new ObjectMapper().readTree(file.toFile());
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** Rows without what differs between runs and places, in an order of their own. */
    static List<String> comparable(List<Row> rows, String root) {
        return rows.stream().map(row -> comparable(row, root)).sorted().toList();
    }

    /** A row without what differs between runs and places. */
    static String comparable(Row row, String root) {
        StringBuilder text = new StringBuilder();
        for (String column : row.schema().fieldNames()) {
            if (!List.of("scanned_at", "run_id", "files", "card").contains(column)) {
                text.append(column)
                        .append('=')
                        .append(row.<Object>getAs(column))
                        .append('\n');
            }
        }
        return text.toString().replace(root, "ROOT");
    }
}

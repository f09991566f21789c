package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The same hub gives the same tables, however the work is divided. */
class DeterminismIT {
    private static final String PARTITIONS = "spark.default.parallelism";

    @TempDir
    private Path folder;

    @Test
    void tablesHaveTheSameDigestsAtAnyNumberOfPartitionsAndCores() throws IOException {
        DemoHub.write(folder.resolve("hub"), 40);
        List<String> expected = digests(1, 1);
        assertThat(expected).doesNotHaveDuplicates();
        assertThat(digests(4, 2)).isEqualTo(expected);
        assertThat(digests(16, 1)).isEqualTo(expected);
        assertThat(digests(16, 2)).isEqualTo(expected);
    }

    /** Of both tables. */
    private List<String> digests(int partitions, int cores) throws IOException {
        Path output = folder.resolve("out-%d-%d".formatted(partitions, cores));
        System.setProperty(PARTITIONS, String.valueOf(partitions));
        try {
            Called called = Called.doraxis(
                    "audit",
                    "--input",
                    folder.resolve("hub").toString(),
                    "--output",
                    output.toString(),
                    "--master",
                    "local[" + cores + "]");
            assertThat(called.status()).as(called.err()).isZero();
        } finally {
            System.clearProperty(PARTITIONS);
        }
        AuditTables tables = AuditTables.of(output);
        return List.of(digest(tables.checkpoints()), digest(tables.modules()));
    }

    private static String digest(List<Row> rows) {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
        AuditTables.comparable(rows, "hub").forEach(text -> digest.update(text.getBytes(StandardCharsets.UTF_8)));
        return HexFormat.of().formatHex(digest.digest());
    }
}

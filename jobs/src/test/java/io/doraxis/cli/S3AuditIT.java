package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.s3.CountingProxy;
import io.doraxis.s3.CountingProxy.Request;
import io.doraxis.s3.S3Server;
import io.doraxis.tensorfile.SafetensorsWriter;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The same hub in a folder and in a real S3 server: the same tables, and one GET for a header. */
class S3AuditIT {
    private static final String LONG_HEADER = "org09/long/style.safetensors";

    @TempDir
    private static Path folder;

    private static Path hub;
    private static AuditTables local;
    private static AuditTables remote;
    private static List<Request> requests;

    @BeforeAll
    static void auditBoth() throws IOException {
        hub = folder.resolve("hub");
        DemoHub.write(hub, 60);
        writeLongHeader(hub.resolve(LONG_HEADER));
        local = audit(hub.toString(), "local");
        try (S3Server server = S3Server.start();
                CountingProxy proxy = CountingProxy.before(server.endpoint())) {
            server.bucket("hub");
            for (Path file : files()) {
                server.put("hub", hub.relativize(file).toString(), Files.readAllBytes(file));
            }
            Map<String, String> options = server.hadoopOptions(proxy.endpoint());
            options.forEach((key, value) -> System.setProperty("spark.hadoop." + key, value));
            try {
                remote = audit("s3a://hub/", "remote");
            } finally {
                options.keySet().forEach(key -> System.clearProperty("spark.hadoop." + key));
            }
            requests = proxy.requests();
        }
    }

    @AfterAll
    static void forget() {
        requests = null;
    }

    /** An adapter of over 4 MiB whose header is longer than the first read. */
    private static void writeLongHeader(Path file) throws IOException {
        List<Tensor> tensors = new ArrayList<>();
        for (int i = 0; i < 2000; i++) {
            String module = "lora_unet_a_long_name_that_makes_a_long_header_%04d".formatted(i);
            tensors.add(Tensor.ofFloats(module + ".lora_down.weight", Shape.of(1, 512), new float[512]));
            tensors.add(Tensor.ofFloats(module + ".lora_up.weight", Shape.of(256, 1), new float[256]));
            tensors.add(Tensor.ofFloats(module + ".alpha", Shape.of(), 1));
        }
        Files.createDirectories(file.getParent());
        try (OutputStream out = Files.newOutputStream(file)) {
            SafetensorsWriter.write(out, tensors, Map.of());
        }
    }

    private static List<Path> files() throws IOException {
        try (Stream<Path> all = Files.walk(hub)) {
            return all.filter(Files::isRegularFile).toList();
        }
    }

    private static AuditTables audit(String input, String name) throws IOException {
        Path output = folder.resolve(name);
        Called called =
                Called.doraxis("audit", "--input", input, "--output", output.toString(), "--master", "local[2]");
        assertThat(called.status()).as(called.err()).isZero();
        return AuditTables.of(output);
    }

    @Test
    void theTablesAreTheSame() {
        assertThat(comparable(remote.checkpoints(), "s3a://hub"))
                .isEqualTo(comparable(local.checkpoints(), "file:" + hub));
        assertThat(comparable(remote.modules(), "s3a://hub")).isEqualTo(comparable(local.modules(), "file:" + hub));
    }

    /** Requests and bytes differ by design: a local file is read no further than its header. */
    private static List<String> comparable(List<Row> rows, String root) {
        return rows.stream()
                .map(row -> AuditTables.comparable(row, root)
                        .replaceAll("(bytes_read|requests)=\\d+\n", "")
                        .replace(root + "/", ""))
                .toList();
    }

    @Test
    void everyObjectHasTheEtagOfTheListing() {
        assertThat(remote.checkpoints())
                .allSatisfy(row -> row.<Row>getList(row.fieldIndex("files"))
                        .forEach(file -> assertThat(file.<String>getAs("etag")).matches("[0-9a-f]{32}")));
    }

    @Test
    void aListedObjectIsNeverAskedForByHead() {
        assertThat(requests)
                .filteredOn(request -> request.method().equals("HEAD"))
                .noneMatch(request -> request.path().matches(".*\\.(safetensors|json|md)"));
    }

    @Test
    void eachHeaderWithinTheFirstReadIsOneGet() {
        Map<String, Long> gets = gets();
        assertThat(gets).containsKey("/hub/org00/lycoris-input-000000/style.safetensors");
        assertThat(gets.entrySet())
                .filteredOn(entry -> !entry.getKey().endsWith(LONG_HEADER))
                .allSatisfy(
                        entry -> assertThat(entry.getValue()).as(entry.getKey()).isEqualTo(1));
    }

    @Test
    void aLongerHeaderIsOneMore() {
        assertThat(gets()).containsEntry("/hub/" + LONG_HEADER, 2L);
    }

    @Test
    void theTableCountsTheRequestsThatWereMade() {
        long counted = remote.checkpoints().stream()
                .mapToLong(row -> row.<Integer>getAs("requests"))
                .sum();
        long empty = remote.checkpoints().stream()
                .filter(row -> "EMPTY_OBJECT".equals(row.getAs("error_code")))
                .count();
        assertThat(gets().values().stream().mapToLong(Long::longValue).sum()).isEqualTo(counted - empty);
    }

    private static Map<String, Long> gets() {
        return requests.stream()
                .filter(request ->
                        request.method().equals("GET") && request.path().startsWith("/hub/"))
                .collect(Collectors.groupingBy(Request::path, Collectors.counting()));
    }
}

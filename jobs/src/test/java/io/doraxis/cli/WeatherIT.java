package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.audit.ValueUse;
import io.doraxis.fixtures.LocalCluster;
import io.doraxis.peft.ExportChoices;
import io.doraxis.s3.CountingProxy;
import io.doraxis.s3.S3Server;
import io.doraxis.s3.Weather;
import io.doraxis.spark.AuditJob;
import io.doraxis.spark.AuditOptions;
import io.doraxis.spark.DeviceChoice;
import io.doraxis.spark.ExportJob;
import io.doraxis.spark.ExportList;
import io.doraxis.spark.ExportRequest;
import io.doraxis.spark.KernelChoice;
import io.doraxis.spark.MergeRecord;
import io.doraxis.spark.Progress;
import io.doraxis.spark.RunRecord;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * A hub and exports by way of a real S3 server, in calm weather once and then in the weather of many seeds: tables and
 * files are those of the calm run, but for objects that the weather changed, which are marked.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class WeatherIT {
    private static final int AUDITS = Integer.getInteger("doraxis.weather.audits", 20);
    private static final int EXPORTS = Integer.getInteger("doraxis.weather.exports", 5);
    private static final int KILLED = Integer.getInteger("doraxis.weather.killed", 1);
    private static final int CHECKPOINTS = 215; // 300 objects
    private static final int EXPORTED = 40;
    private static final String BUCKET = "weather";
    private static final String OUTPUTS = "weather-outputs";

    @TempDir
    private static Path folder;

    private S3Server server;
    private CountingProxy proxy;
    private Map<String, String> options;
    private SparkSession spark;

    @BeforeAll
    void start() throws Exception {
        Path hub = folder.resolve("hub");
        DemoHub.write(hub, CHECKPOINTS);
        server = S3Server.start();
        proxy = CountingProxy.before(server.endpoint());
        for (Path file : files(hub)) {
            server.put(BUCKET, "hub/" + hub.relativize(file), Files.readAllBytes(file));
        }
        server.bucket(OUTPUTS);
        MergeFolder made = new MergeFolder(Files.createDirectories(folder.resolve("adapters")));
        made.write("base.safetensors", MergeFolder.randomTensor("b.lin.weight", 1, 60, 50));
        server.put(BUCKET, "base.safetensors", made.bytes("base.safetensors"));
        for (int i = 0; i < EXPORTED; i++) {
            String name = "adapter-" + i + ".safetensors";
            made.write(name, MergeFolder.lora("lycoris_b_lin", 2 + i, 3, 60, 50));
            server.put(BUCKET, "adapters/" + name, made.bytes(name));
        }
        options = new HashMap<>(server.hadoopOptions(proxy.endpoint()));
        options.put(
                "fs.s3a.attempts.maximum", "0"); // listings and writes are tried again by S3A, and sooner than usual
        options.put("fs.s3a.retry.limit", "20");
        options.put("fs.s3a.retry.interval", "5ms");
        options.put("fs.s3a.retry.throttle.interval", "5ms");
        options.forEach((key, value) -> System.setProperty("spark.hadoop." + key, value));
        spark = SparkSessions.open("test", "local[2]", 32);
    }

    @AfterAll
    void stop() throws IOException {
        spark.close();
        options.keySet().forEach(key -> System.clearProperty("spark.hadoop." + key));
        proxy.close();
        server.close();
    }

    private static List<Path> files(Path root) throws IOException {
        try (Stream<Path> all = Files.walk(root)) {
            return all.filter(Files::isRegularFile).toList();
        }
    }

    private static Progress silence() {
        return new Progress(new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8), false);
    }

    private static Path output(String name) {
        return folder.resolve(name);
    }

    private RunRecord audit(String name) throws IOException {
        AuditOptions audit = new AuditOptions(
                List.of("s3a://" + BUCKET + "/hub/"),
                null,
                null,
                output(name).toString(),
                true,
                32,
                ValueUse.NONE,
                null);
        try (Progress progress = silence()) {
            return new AuditJob(spark, audit, progress, Doraxis.version()).run();
        }
    }

    /** Rows by what they are, and the rows of their modules with them. */
    private Map<String, String> rows(String name) {
        Map<String, String> rows = new TreeMap<>();
        for (String table : List.of("checkpoints", "modules")) {
            for (Row row : spark.read()
                    .parquet(output(name).resolve(table).toString())
                    .orderBy("uri", table.equals("modules") ? "module" : "uri")
                    .collectAsList()) {
                String text = AuditTables.comparable(row, "s3a:").replaceAll("retries=\\d+\n", "");
                rows.merge(row.getAs("uri"), text, String::concat);
            }
        }
        return rows;
    }

    /** Where the weather changed an object: those have a row that says so, and no other. */
    private static boolean isChanged(String uri, Weather weather, Map<String, List<String>> objects) {
        return objects.get(uri).stream().anyMatch(object -> weather.isChanged(object.substring("s3a:/".length())));
    }

    /** The objects of each row, and the card that speaks for it. */
    private Map<String, List<String>> objects(String name) {
        Map<String, List<String>> objects = new HashMap<>();
        for (Row row : spark.read()
                .parquet(output(name).resolve("checkpoints").toString())
                .collectAsList()) {
            List<String> uris = row.<Row>getList(row.fieldIndex("files")).stream()
                    .map(file -> file.<String>getAs("uri"))
                    .collect(Collectors.toList());
            uris.add(uris.get(0).substring(0, uris.get(0).lastIndexOf('/')) + "/README.md");
            objects.put(row.getAs("uri"), uris);
        }
        return objects;
    }

    private void isAsInCalm(String name, Weather weather) {
        Map<String, String> calm = rows("calm");
        Map<String, String> found = rows(name);
        Map<String, List<String>> objects = objects("calm");
        assertThat(found.keySet()).isEqualTo(calm.keySet());
        found.forEach((uri, row) -> {
            if (isChanged(uri, weather, objects) && !row.equals(calm.get(uri))) {
                assertThat(row).as(uri).contains("STORE_CHANGED");
            } else {
                assertThat(row).as("%s in %s", uri, weather).isEqualTo(calm.get(uri));
            }
        });
    }

    @Test
    void auditsAreThoseOfCalmWeather() throws Exception {
        proxy.weather(Weather.CALM);
        if (!Files.exists(output("calm"))) {
            assertThat(audit("calm").retries()).isZero();
        }
        long retries = 0;
        for (int seed = 1; seed <= AUDITS; seed++) {
            Weather weather = Weather.mixed(seed);
            proxy.weather(weather);
            RunRecord record = audit("audit-" + seed);
            assertThat(record.objects_listed()).isEqualTo(300);
            assertThat(record.storeErrors()).isZero();
            retries += record.retries();
            isAsInCalm("audit-" + seed, weather);
        }
        assertThat(retries).isGreaterThanOrEqualTo(AUDITS);
    }

    @Test
    void aKilledExecutorAndSpeculationChangeNothing() throws Exception {
        proxy.weather(Weather.CALM);
        if (!Files.exists(output("calm"))) {
            audit("calm");
        }
        for (int seed = 1; seed <= KILLED; seed++) {
            Weather mixed = Weather.mixed(1000 + seed);
            proxy.weather(mixed);
            proxy.forget();
            Map<String, String> settings = new HashMap<>();
            options.forEach((key, value) -> settings.put("spark.hadoop." + key, value));
            settings.put("spark.speculation", "true");
            settings.put("spark.speculation.interval", "100ms");
            settings.put("spark.speculation.multiplier", "1.01");
            settings.put("spark.speculation.quantile", "0.1");
            settings.put("spark.speculation.minTaskRuntime", "100ms");
            String name = "killed-" + seed;
            LocalCluster cluster = new LocalCluster(folder.resolve("cluster-" + seed));
            CompletableFuture<List<String>> driver = CompletableFuture.supplyAsync(() -> run(cluster, settings, name));
            while (headers() < CHECKPOINTS / 3 && !driver.isDone()) {
                TimeUnit.MILLISECONDS.sleep(5);
            }
            assertThat(driver).as("all was read before anything was killed").isNotDone();
            List<ProcessHandle> executors = executors();
            assertThat(executors).as("executors").hasSizeGreaterThan(1);
            executors.get(0).destroyForcibly();
            List<String> said = driver.get(11, TimeUnit.MINUTES);
            assertThat(said).as(String.join("\n", said)).anyMatch(line -> line.startsWith("tables of run"));
            isAsInCalm(name, mixed);
        }
    }

    private List<String> run(LocalCluster cluster, Map<String, String> settings, String name) {
        try {
            return cluster.run(
                    settings,
                    Doraxis.class.getName(),
                    "audit",
                    "--input",
                    "s3a://" + BUCKET + "/hub/",
                    "--output",
                    output(name).toString(),
                    "--io-concurrency",
                    "4",
                    "--master",
                    "local-cluster[2,1,1024]");
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private long headers() {
        return proxy.requests().stream()
                .filter(request ->
                        request.method().equals("GET") && !request.range().isEmpty())
                .count();
    }

    /** The processes of the driver, which is one of this process; the server is another. */
    private static List<ProcessHandle> executors() {
        return ProcessHandle.current()
                .children()
                .flatMap(ProcessHandle::children)
                .toList();
    }

    private MergeRecord export(String name) throws IOException {
        String plan = IntStream.range(0, EXPORTED)
                .mapToObj(i -> "s3a://%s/adapters/adapter-%d.safetensors,s3a://%s/base.safetensors,s3a://%s/%s/%d%n"
                        .formatted(BUCKET, i, BUCKET, OUTPUTS, name, i))
                .collect(Collectors.joining("", "adapter,base,output\n", ""));
        Path file = Files.writeString(output(name + ".csv"), plan);
        ExportRequest.Settings settings =
                new ExportRequest.Settings(false, ExportChoices.DEFAULT, false, DeviceChoice.cpu, KernelChoice.java);
        try (Progress progress = silence()) {
            ExportList list = new ExportList.Plan(file.toString());
            return new ExportJob(spark, list, output(name).toString(), progress, "test").run(settings);
        }
    }

    /** What lies below an output, on the disk of the server: half files too, if there were any. */
    private Map<String, String> exported(String name) throws IOException {
        Path root = server.bucket(OUTPUTS).resolve(name);
        Map<String, String> exported = new TreeMap<>();
        for (Path file : files(root)) {
            byte[] content = Files.readAllBytes(file);
            exported.put(root.relativize(file).toString(), content.length + " bytes, " + Arrays.hashCode(content));
        }
        return exported;
    }

    @Test
    void exportsAreThoseOfCalmWeather() throws Exception {
        proxy.weather(Weather.CALM);
        assertThat(export("calm-exports").statuses()).isEqualTo(Map.of("DONE", (long) EXPORTED));
        Map<String, String> calm = exported("calm-exports");
        assertThat(calm).hasSizeGreaterThan(2 * EXPORTED);
        for (int seed = 1; seed <= EXPORTS; seed++) {
            Weather weather = Weather.mixed(2000 + seed);
            proxy.weather(weather);
            String name = "exports-" + seed;
            MergeRecord record = export(name);
            boolean base = weather.isChanged("/" + BUCKET + "/base.safetensors");
            long changed = base
                    ? EXPORTED
                    : IntStream.range(0, EXPORTED)
                            .filter(i -> weather.isChanged("/%s/adapters/adapter-%d.safetensors".formatted(BUCKET, i)))
                            .count();
            assertThat(record.statuses().getOrDefault("FAILED", 0L))
                    .as("%s", record)
                    .isEqualTo(changed);
            assertThat(calm).containsAllEntriesOf(exported(name));

            proxy.weather(Weather.CALM);
            assertThat(export(name).statuses()).doesNotContainKeys("FAILED", "REFUSED");
            assertThat(exported(name)).isEqualTo(calm);
        }
    }
}

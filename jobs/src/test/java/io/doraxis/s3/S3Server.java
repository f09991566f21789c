package io.doraxis.s3;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A real S3 server for tests: S3Proxy in a JVM of its own, on a free port of the loopback interface, over a directory
 * where a bucket is a directory and an object a file. Its jars were put aside by the module {@code jobs/src/test/s3proxy}.
 */
public final class S3Server implements AutoCloseable {
    private static final Path JARS = Path.of("src", "test", "s3proxy", "target", "lib");
    private static final Pattern LISTENING = Pattern.compile("Started .*ServerConnector.*\\{127\\.0\\.0\\.1:(\\d+)\\}");
    private static final int START_SECONDS = 60;
    private static final int REMEMBERED_LINES = 50;

    private final Path directory;
    private final Process process;
    private final Thread stopper;
    private final URI endpoint;

    private S3Server(Path directory, Process process, Thread stopper, URI endpoint) {
        this.directory = directory;
        this.process = process;
        this.stopper = stopper;
        this.endpoint = endpoint;
    }

    /** Starts a server without buckets and returns once it listens. */
    public static S3Server start() throws IOException {
        if (!Files.isDirectory(JARS)) {
            throw new IOException(JARS.toAbsolutePath() + " is missing: ./mvnw process-resources fetches the server");
        }
        Path directory = Files.createTempDirectory("doraxis-s3-");
        Files.createDirectory(buckets(directory));
        Process process = launch(directory);
        Thread stopper = new Thread(process::destroyForcibly, "stop S3Proxy");
        Runtime.getRuntime().addShutdownHook(stopper);
        int port = awaitPort(process);
        return new S3Server(directory, process, stopper, URI.create("http://127.0.0.1:" + port));
    }

    private static Process launch(Path directory) throws IOException {
        Path properties = Files.writeString(
                directory.resolve("s3proxy.properties"), """
                s3proxy.endpoint=http://127.0.0.1:0
                s3proxy.authorization=aws-v2-or-v4
                s3proxy.identity=%s
                s3proxy.credential=%s
                jclouds.provider=filesystem-nio2
                jclouds.identity=unused
                jclouds.credential=unused
                jclouds.filesystem.basedir=%s
                """.formatted(accessKey(), secretKey(), buckets(directory)));
        Path logging = Files.writeString(directory.resolve("logback.xml"), """
                <configuration>
                  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
                    <encoder><pattern>%level %msg%n</pattern></encoder>
                  </appender>
                  <logger name="org.gaul.shaded.org.eclipse.jetty.server.AbstractConnector" level="INFO"/>
                  <root level="WARN"><appender-ref ref="out"/></root>
                </configuration>
                """);
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx512m",
                        "-Dlogback.configurationFile=" + logging,
                        "-cp",
                        JARS.toAbsolutePath() + File.separator + "*",
                        "org.gaul.s3proxy.Main",
                        "--properties",
                        properties.toString())
                .redirectErrorStream(true)
                .start();
    }

    /** The port that the server's own log names; its output is read to its end, so that it never blocks. */
    private static int awaitPort(Process process) throws IOException {
        CompletableFuture<Integer> port = new CompletableFuture<>();
        Thread reader = new Thread(() -> readOutput(process, port), "output of S3Proxy");
        reader.setDaemon(true);
        reader.start();
        try {
            return port.get(START_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException | TimeoutException e) {
            process.destroyForcibly();
            throw new IOException("S3Proxy did not start within " + START_SECONDS + " s", e);
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while S3Proxy started", e);
        }
    }

    private static void readOutput(Process process, CompletableFuture<Integer> port) {
        Deque<String> lastLines = new ArrayDeque<>();
        try (BufferedReader output = process.inputReader()) {
            for (String line = output.readLine(); line != null; line = output.readLine()) {
                Matcher listening = LISTENING.matcher(line);
                if (listening.find()) {
                    port.complete(Integer.valueOf(listening.group(1)));
                }
                if (lastLines.size() == REMEMBERED_LINES) {
                    lastLines.removeFirst();
                }
                lastLines.addLast(line);
            }
            port.completeExceptionally(new IOException("S3Proxy ended, saying:\n" + String.join("\n", lastLines)));
        } catch (IOException e) {
            port.completeExceptionally(e); // the stream closes when the server is stopped
        }
    }

    public URI endpoint() {
        return endpoint;
    }

    public static String accessKey() {
        return "test-access-key";
    }

    public static String secretKey() {
        return "test-secret-key";
    }

    /** The directory behind a bucket, made on first use. A file written there by other means has no ETag. */
    public Path bucket(String name) throws IOException {
        return Files.createDirectories(buckets(directory).resolve(name));
    }

    /** Makes a folder of this machine a bucket, whose objects have no ETag. */
    public void link(String bucket, Path folder) throws IOException {
        Files.createSymbolicLink(buckets(directory).resolve(bucket), folder.toAbsolutePath());
    }

    /** Makes an object without asking the server, with the ETag that an upload in one part has. */
    public void put(String bucket, String key, byte[] content) throws IOException {
        Path file = bucket(bucket).resolve(key);
        Files.createDirectories(file.getParent());
        Files.write(file, content);
        Files.getFileAttributeView(file, UserDefinedFileAttributeView.class)
                .write("user.content-md5", ByteBuffer.wrap(md5(content)));
    }

    private static byte[] md5(byte[] content) {
        try {
            return MessageDigest.getInstance("MD5").digest(content);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has MD5
        }
    }

    /** What Hadoop's S3A needs to reach this server directly. */
    public Map<String, String> hadoopOptions() {
        return hadoopOptions(endpoint);
    }

    /** The same, by way of something in front of it, such as a {@link CountingProxy}. */
    public Map<String, String> hadoopOptions(URI front) {
        return Map.ofEntries(
                Map.entry("fs.s3a.endpoint", front.toString()),
                Map.entry("fs.s3a.endpoint.region", "us-east-1"),
                Map.entry("fs.s3a.connection.ssl.enabled", "false"),
                Map.entry("fs.s3a.path.style.access", "true"),
                Map.entry("fs.s3a.aws.credentials.provider", "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider"),
                Map.entry("fs.s3a.access.key", accessKey()),
                Map.entry("fs.s3a.secret.key", secretKey()),
                Map.entry("fs.s3a.input.stream.type", "classic"),
                Map.entry("fs.s3a.buffer.dir", directory.resolve("buffer").toString()));
    }

    private static Path buckets(Path directory) {
        return directory.resolve("buckets");
    }

    /** Stops the server and removes everything it held. */
    @Override
    public void close() throws IOException {
        process.destroyForcibly().onExit().join();
        Runtime.getRuntime().removeShutdownHook(stopper);
        try (var paths = Files.walk(directory)) {
            paths.sorted(Comparator.reverseOrder()).forEach(S3Server::delete);
        }
    }

    private static void delete(Path path) {
        try {
            Files.delete(path);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

package io.doraxis.s3;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.doraxis.s3.CountingProxy.Request;
import java.io.IOException;
import java.net.URI;
import java.nio.file.AccessDeniedException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.EtagSource;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.FutureDataInputStreamBuilder;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.util.functional.FutureIO;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The test server and proxy themselves, and the one fact the header stage rests on: a header costs one GET. */
class S3ServerIT {
    private static final int SIZE = 2 << 20;

    private static S3Server server;
    private static CountingProxy proxy;

    @BeforeAll
    static void start() throws IOException {
        server = S3Server.start();
        server.bucket("hub");
        proxy = CountingProxy.before(server.endpoint());
    }

    @AfterAll
    static void stop() throws IOException {
        proxy.close();
        server.close();
    }

    @BeforeEach
    void forgetRequests() {
        proxy.forget();
    }

    @Test
    void aRangedReadOfAListedObjectIsOneGet() throws Exception {
        byte[] content = randomBytes();
        try (FileSystem fs = s3a("hub", server.hadoopOptions(proxy.endpoint()))) {
            Path object = new Path("s3a://hub/loras/with space+ü.safetensors");
            put(fs, object, content);
            FileStatus listed = fs.listStatus(new Path("s3a://hub/loras"))[0];
            assertThat(listed.getPath()).isEqualTo(object);
            assertThat(listed.getLen()).isEqualTo(SIZE);

            proxy.forget();
            assertThat(read(fs, listed, 0, 8192)).isEqualTo(Arrays.copyOf(content, 8192));
            assertThat(proxy.requests()).singleElement().satisfies(request -> {
                assertThat(request.method()).isEqualTo("GET");
                assertThat(request.path()).isEqualTo("/hub/loras/with space+ü.safetensors");
                assertThat(request.range()).startsWith("bytes=0-");
                assertThat(request.status()).isEqualTo(206);
            });
        }
    }

    @Test
    void anObjectCanBeMadeWithoutTheServer() throws Exception {
        server.put("planted", "a/b/c.json", "{}".getBytes(UTF_8));
        try (FileSystem fs = s3a("planted", server.hadoopOptions())) {
            FileStatus object = fs.listFiles(new Path("s3a://planted/"), true).next();
            assertThat(object.getPath()).isEqualTo(new Path("s3a://planted/a/b/c.json"));
            assertThat(((EtagSource) object).getEtag()).isEqualTo("\"99914b932bd37a50b983c5e7c90ae93b\"");
            assertThat(read(fs, object, 0, 2)).isEqualTo("{}".getBytes(UTF_8));
        }
        assertThat(proxy.requests()).isEmpty();
    }

    @Test
    void theProxySeesEveryPageOfAListing() throws Exception {
        for (int i = 0; i < 25; i++) {
            server.put("many", "%02d.txt".formatted(i), new byte[1]);
        }
        Map<String, String> options = new HashMap<>(server.hadoopOptions(proxy.endpoint()));
        options.put("fs.s3a.paging.maximum", "10");
        try (FileSystem fs = s3a("many", options)) {
            assertThat(fs.listStatus(new Path("s3a://many/"))).hasSize(25);
        }
        assertThat(proxy.requests().stream().filter(r -> r.query().contains("list-type=2")))
                .hasSize(3)
                .allMatch(r -> r.method().equals("GET") && r.status() == 200);
    }

    @Test
    void wrongCredentialsAreRefused() throws Exception {
        Map<String, String> options = new HashMap<>(server.hadoopOptions(proxy.endpoint()));
        options.put("fs.s3a.secret.key", "wrong");
        try (FileSystem fs = s3a("hub", options)) {
            assertThatThrownBy(() -> fs.listStatus(new Path("s3a://hub/"))).isInstanceOf(AccessDeniedException.class);
        }
        assertThat(proxy.requests()).extracting(Request::status).contains(403);
    }

    private static byte[] read(FileSystem fs, FileStatus status, long position, int length) throws IOException {
        FutureDataInputStreamBuilder open =
                fs.openFile(status.getPath()).withFileStatus(status).opt("fs.option.openfile.read.policy", "random");
        byte[] bytes = new byte[length];
        try (FSDataInputStream in = FutureIO.awaitFuture(open.build())) {
            in.readFully(position, bytes);
        }
        return bytes;
    }

    private static void put(FileSystem fs, Path path, byte[] content) throws IOException {
        try (FSDataOutputStream out = fs.create(path)) {
            out.write(content);
        }
    }

    private static byte[] randomBytes() {
        byte[] bytes = new byte[SIZE];
        new Random(1).nextBytes(bytes);
        return bytes;
    }

    /** A file system of its own, not one from Hadoop's cache. */
    private static FileSystem s3a(String bucket, Map<String, String> options) throws IOException {
        Configuration configuration = new Configuration();
        options.forEach(configuration::set);
        return FileSystem.newInstance(URI.create("s3a://" + bucket + "/"), configuration);
    }
}

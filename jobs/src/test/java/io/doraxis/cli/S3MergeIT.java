package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.s3.CountingProxy;
import io.doraxis.s3.CountingProxy.Request;
import io.doraxis.s3.S3Server;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Merges from and to a real S3 server, one for all: Hadoop keeps a bucket's connections as long as it lives. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class S3MergeIT {
    private static final String BASE = "s3a://merges/base.safetensors";
    private static final String ADAPTER = "s3a://merges/adapter.safetensors";
    private static final String OUTPUT = "s3a://merges/merged/out.safetensors";

    private MergeFolder folder;
    private S3Server server;
    private CountingProxy proxy;
    private Map<String, String> options;

    @BeforeAll
    void startServer(@TempDir Path path) throws IOException {
        folder = new MergeFolder(path);
        server = S3Server.start();
        proxy = CountingProxy.before(server.endpoint());
        server.bucket("merges");
        options = server.hadoopOptions(proxy.endpoint());
        options.forEach((key, value) -> System.setProperty("spark.hadoop." + key, value));
        put("base.safetensors", MergeFolder.randomTensor("b.lin.weight", 1, 6, 5));
        put("adapter.safetensors", MergeFolder.lora("lycoris_b_lin", 2, 3, 6, 5));
    }

    private void put(String name, Tensor... tensors) throws IOException {
        folder.write(name, tensors);
        server.put("merges", name, folder.bytes(name));
    }

    @AfterAll
    void stopServer() throws IOException {
        options.keySet().forEach(key -> System.clearProperty("spark.hadoop." + key));
        proxy.close();
        server.close();
    }

    private static Called merge(String base, String output) {
        return Called.doraxis("merge", "--adapter", ADAPTER, "--base", base, "--output", output);
    }

    @Test
    void theSameFileComesOutAsFromAFolderWithoutACopy() throws Exception {
        Called called = merge(BASE, OUTPUT);
        assertThat(called.status()).as(called.err()).isZero();
        Called local = merge(BASE, folder.at("out.safetensors"));
        assertThat(digest(called)).isEqualTo(digest(local));
        assertThat(proxy.requests())
                .extracting(Request::toString)
                .as("nothing is written elsewhere and then copied")
                .noneMatch(request -> request.contains(".tmp"));
        assertThat(merge(BASE, OUTPUT).out()).contains("UP_TO_DATE");
    }

    private static List<String> digest(Called called) {
        return called.out().lines().filter(line -> line.startsWith("sha256")).toList();
    }

    @Test
    void aMergeThatIsRefusedOnItsWayLeavesNoObject() throws Exception {
        float[] values = MergeFolder.random(1, 30);
        values[29] = Float.NaN;
        put("nan.safetensors", Tensor.ofFloats("b.lin.weight", Shape.of(6, 5), values));
        Called called = merge("s3a://merges/nan.safetensors", "s3a://merges/refused/out.safetensors");
        assertThat(called.status()).as(called.err()).isEqualTo(4);
        assertThat(called.err()).contains("NOT_FINITE");
        assertThat(Called.doraxis("explain", "s3a://merges/refused/out.safetensors")
                        .err())
                .contains("no such file");
    }
}

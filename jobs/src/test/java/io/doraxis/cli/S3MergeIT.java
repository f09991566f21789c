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
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Merges from and to a real S3 server. */
class S3MergeIT {
    private static final String BASE = "s3a://hub/base.safetensors";
    private static final String ADAPTER = "s3a://hub/adapter.safetensors";
    private static final String OUTPUT = "s3a://hub/merged/out.safetensors";

    private MergeFolder folder;
    private S3Server server;
    private CountingProxy proxy;
    private Map<String, String> options;

    @BeforeEach
    void startServer(@TempDir Path path) throws IOException {
        folder = new MergeFolder(path);
        server = S3Server.start();
        proxy = CountingProxy.before(server.endpoint());
        server.bucket("hub");
        options = server.hadoopOptions(proxy.endpoint());
        options.forEach((key, value) -> System.setProperty("spark.hadoop." + key, value));
        put("base.safetensors", MergeFolder.randomTensor("b.lin.weight", 1, 6, 5));
        put("adapter.safetensors", MergeFolder.lora("lycoris_b_lin", 2, 3, 6, 5));
    }

    private void put(String name, Tensor... tensors) throws IOException {
        folder.write(name, tensors);
        server.put("hub", name, folder.bytes(name));
    }

    @AfterEach
    void stopServer() throws IOException {
        options.keySet().forEach(key -> System.clearProperty("spark.hadoop." + key));
        proxy.close();
        server.close();
    }

    private static Called merge(String output) {
        return Called.doraxis("merge", "--adapter", ADAPTER, "--base", BASE, "--output", output);
    }

    @Test
    void theSameFileComesOutAsFromAFolderWithoutACopy() throws Exception {
        Called called = merge(OUTPUT);
        assertThat(called.status()).as(called.err()).isZero();
        Called local = merge(folder.at("out.safetensors"));
        assertThat(digest(called)).isEqualTo(digest(local));
        assertThat(proxy.requests())
                .extracting(Request::toString)
                .as("nothing is written elsewhere and then copied")
                .noneMatch(request -> request.contains(".tmp"));
        assertThat(merge(OUTPUT).out()).contains("UP_TO_DATE");
    }

    private static List<String> digest(Called called) {
        return called.out().lines().filter(line -> line.startsWith("sha256")).toList();
    }

    @Test
    void aMergeThatIsRefusedOnItsWayLeavesNoObject() throws Exception {
        put("base.safetensors", Tensor.ofFloats("b.lin.weight", Shape.of(6, 5), new float[] {
            1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, Float.NaN
        }));
        Called called = merge(OUTPUT);
        assertThat(called.status()).isEqualTo(4);
        assertThat(called.err()).contains("NOT_FINITE");
        assertThat(Called.doraxis("explain", OUTPUT).err()).contains("no such file");
    }
}

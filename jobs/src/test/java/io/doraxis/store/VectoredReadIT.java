package io.doraxis.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.audit.CheckpointAuditor.Values;
import io.doraxis.catalog.StoredObject;
import io.doraxis.s3.CountingProxy;
import io.doraxis.s3.S3Server;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;

/** Tensors of an object in a real S3 server, whose client refuses ranges that overlap. */
class VectoredReadIT {
    private static final int SIZE = 8 << 20;

    private static TensorInfo tensor(String name, long begin, long end) {
        return new TensorInfo(name, Dtype.U8, Shape.of(end - begin), begin, end);
    }

    @Test
    void tensorsThatShareAStorageAreReadOnceAndCountedAsTheyAreAskedFor() throws IOException {
        byte[] content = new byte[SIZE];
        new Random(1).nextBytes(content);
        List<TensorInfo> tensors = List.of(
                tensor("tied", 100, 200),
                tensor("whole", 100, 200),
                tensor("part", 150, 180),
                tensor("beyond", 190, 260),
                tensor("near", 1000, 1001),
                tensor("far", 6 << 20, (6 << 20) + 10));
        try (S3Server server = S3Server.start();
                CountingProxy proxy = CountingProxy.before(server.endpoint())) {
            server.put("hub", "x.pt", content);
            Configuration configuration = new Configuration();
            server.hadoopOptions(proxy.endpoint()).forEach(configuration::set);
            configuration.setBoolean("fs.s3a.impl.disable.cache", true);
            ObjectStore store = new ObjectStore(configuration);
            StoredObject object = store.object("s3a://hub/x.pt");
            proxy.forget();

            Values values = store.values(object, tensors);

            for (TensorInfo tensor : tensors) {
                byte[] read = new byte[(int) tensor.bytes()];
                values.data().bytes(tensor).orElseThrow().get(read);
                assertThat(read).as(tensor.name()).isEqualTo(Arrays.copyOfRange(content, (int) tensor.begin(), (int)
                        tensor.end()));
            }
            assertThat(proxy.requests())
                    .hasSize(2)
                    .allMatch(request -> request.method().equals("GET"));
            assertThat(values.requests()).isEqualTo(2);
            assertThat(values.bytes()).isEqualTo(1001 - 100 + 10);
        }
    }
}

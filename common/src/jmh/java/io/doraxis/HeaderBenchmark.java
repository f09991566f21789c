package io.doraxis;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.consumer.Prediction;
import io.doraxis.dora.AxisClassifier;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.tensorfile.RangeReader;
import io.doraxis.tensorfile.SafetensorsReader;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Header bytes per second and core, for the header of an SDXL LoCon with DoRA on 986 modules: parsed and validated, and
 * the whole way to the predictions. The counter {@code megabytes} is the figure: megabytes of header per second.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 5, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(2)
public class HeaderBenchmark {
    private static final int MODULES = 986;

    private byte[] file;
    private long length;

    @Setup
    public void makeHeader() {
        StringBuilder json = new StringBuilder("{\"__metadata__\":{\"ss_network_module\":\"lycoris.kohya\"}");
        long offset = 0;
        for (int i = 0; i < MODULES; i++) {
            String module =
                    "lora_unet_input_blocks_%d_1_transformer_blocks_%d_attn%d_to_k".formatted(i % 9, i / 18, i % 2 + 1);
            module += "_" + i;
            offset = tensor(json, module + ".alpha", "[]", 2, offset);
            offset = tensor(json, module + ".dora_scale", "[1280,1]", 2560, offset);
            offset = tensor(json, module + ".lora_down.weight", "[16,2048]", 65536, offset);
            offset = tensor(json, module + ".lora_up.weight", "[1280,16]", 40960, offset);
        }
        byte[] header = json.append('}').toString().getBytes(StandardCharsets.UTF_8);
        file = ByteBuffer.allocate(8 + header.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(header.length)
                .put(header)
                .array();
        length = file.length + offset;
    }

    private static long tensor(StringBuilder json, String name, String shape, int bytes, long offset) {
        json.append(",\"%s\":{\"dtype\":\"F16\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
                .formatted(name, shape, offset, offset + bytes));
        return offset + bytes;
    }

    /** Counts the bytes of the headers that were read. */
    @State(Scope.Thread)
    @AuxCounters(AuxCounters.Type.OPERATIONS)
    public static class Bytes {
        public double megabytes;
    }

    private TensorIndex read(Bytes bytes) throws Exception {
        bytes.megabytes += file.length / 1e6;
        return SafetensorsReader.read(new Headless(length), file, file.length);
    }

    /** Parsed and validated. */
    @Benchmark
    public TensorIndex parseAndValidate(Bytes bytes) throws Exception {
        return read(bytes);
    }

    /** Parsed, validated, classified and predicted. */
    @Benchmark
    public Map<String, Prediction> parseClassifyAndPredict(Bytes bytes) throws Exception {
        AdapterIndex adapter = AdapterIndex.of(read(bytes), TensorData.NONE, null);
        CheckpointVerdict verdict = AxisClassifier.classify(adapter.modules(), adapter.claims(), TensorData.NONE);
        return ConsumerRules.bundled().predict(adapter, verdict, null, null);
    }

    private record Headless(long length) implements RangeReader {
        @Override
        public String name() {
            return "benchmark";
        }

        @Override
        public InputStream open(long from, long to) {
            throw new IllegalStateException("the header is in memory");
        }
    }
}

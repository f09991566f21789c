package io.doraxis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.store.ObjectStore;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.SafetensorsReader;
import io.doraxis.tensorfile.SafetensorsWriter;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.io.IOException;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Merges by the command line, from files to files. */
class MergeIT {
    @TempDir
    private Path folder;

    /** A base of one linear layer [2, 3] and a tensor that no adapter touches; an adapter that adds 0.5 * (1, 2)^T (1, 2, 3). */
    @BeforeEach
    void makeFiles() throws IOException {
        write(
                "base.safetensors",
                Tensor.ofFloats("b.lin.weight", Shape.of(2, 3), 1, 1, 1, 2, 2, 2),
                Tensor.ofFloats("other", Shape.of(2), 7, 8));
        write("adapter.safetensors", lora("lycoris_b_lin"));
    }

    private static Tensor[] lora(String module) {
        return new Tensor[] {
            Tensor.ofFloats(module + ".lora_down.weight", Shape.of(1, 3), 1, 2, 3),
            Tensor.ofFloats(module + ".lora_up.weight", Shape.of(2, 1), 1, 2),
            Tensor.ofFloats(module + ".alpha", Shape.of(), 0.5f)
        };
    }

    private void write(String name, Tensor... tensors) throws IOException {
        try (OutputStream out = Files.newOutputStream(folder.resolve(name))) {
            SafetensorsWriter.write(out, List.of(tensors), Map.of("made", "here"));
        }
    }

    private String at(String name) {
        return folder.resolve(name).toString();
    }

    private Called merge(String adapter, String output, String... more) {
        String[] args = {"merge", "--adapter", at(adapter), "--base", at("base.safetensors"), "--output", at(output)};
        return Called.doraxis(Stream.concat(Stream.of(args), Stream.of(more)).toArray(String[]::new));
    }

    private TensorIndex header(String name) throws Exception {
        byte[] bytes = Files.readAllBytes(folder.resolve(name));
        ObjectStore store = new ObjectStore(new Configuration(false));
        return SafetensorsReader.read(store.reader(store.object(at(name))), bytes, bytes.length);
    }

    private float[] values(String name, String tensor) throws Exception {
        byte[] bytes = Files.readAllBytes(folder.resolve(name));
        TensorInfo info = header(name).tensors().stream()
                .filter(each -> each.name().equals(tensor))
                .findFirst()
                .orElseThrow();
        float[] values = new float[(int) info.shape().elements()];
        FloatDecoder.decode(
                info.dtype(), TensorData.ofHead(bytes, bytes.length).bytes(info).orElseThrow(), values, values.length);
        return values;
    }

    private List<String> files() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).sorted().collect(Collectors.toList());
        }
    }

    @Test
    void theDeltaIsAddedAndTheRestCopied() throws Exception {
        Called called = merge("adapter.safetensors", "out.safetensors");
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(called.out()).contains("DONE").contains("1 LORA").contains("1 written, 1 copied");
        assertThat(values("out.safetensors", "b.lin.weight")).containsExactly(1.5f, 2, 2.5f, 3, 4, 5);
        assertThat(values("out.safetensors", "other")).containsExactly(7, 8);
        assertThat(header("out.safetensors").metadata()).containsEntry("made", "here");
        assertThat(files()).containsExactly("adapter.safetensors", "base.safetensors", "out.safetensors");
    }

    @Test
    void aSecondRunDoesNothingAndAChangedInputMergesAgain() throws Exception {
        merge("adapter.safetensors", "out.safetensors");
        assertThat(merge("adapter.safetensors", "out.safetensors").out()).contains("UP_TO_DATE");
        write("adapter.safetensors", Tensor.ofFloats("lycoris_b_lin.diff", Shape.of(2, 3), 1, 1, 1, 1, 1, 1));
        assertThat(merge("adapter.safetensors", "out.safetensors").out()).contains("DONE");
        assertThat(values("out.safetensors", "b.lin.weight")).containsExactly(2, 2, 2, 3, 3, 3);
    }

    private void isRefused(Called called, String code) throws IOException {
        assertThat(called.status()).as(called.out()).isEqualTo(4);
        assertThat(called.err()).contains("REFUSED: " + code);
        assertThat(files()).doesNotContain("out.safetensors").noneMatch(name -> name.endsWith(".tmp"));
    }

    @Test
    void whatCannotBeDoneIsRefusedAndLeavesNothing() throws Exception {
        write("other.safetensors", lora("lycoris_elsewhere"));
        isRefused(merge("other.safetensors", "out.safetensors"), "NOTHING_MATCHED");
        write(
                "both.safetensors",
                Stream.of(lora("lycoris_b_lin"), lora("lycoris_elsewhere"))
                        .flatMap(Stream::of)
                        .toArray(Tensor[]::new));
        isRefused(merge("both.safetensors", "out.safetensors"), "UNMATCHED");
        write(
                "wide.safetensors",
                Tensor.ofFloats("lycoris_b_lin.lora_down.weight", Shape.of(1, 4), 1, 2, 3, 4),
                Tensor.ofFloats("lycoris_b_lin.lora_up.weight", Shape.of(2, 1), 1, 2));
        isRefused(merge("wide.safetensors", "out.safetensors"), "SHAPE_MISMATCH");
        isRefused(merge("base.safetensors", "out.safetensors"), "NOT_AN_ADAPTER");
        Files.write(folder.resolve("broken.safetensors"), new byte[] {9, 0, 0, 0, 0, 0, 0, 0, '{'});
        isRefused(merge("broken.safetensors", "out.safetensors"), "NOT_AN_ADAPTER");
        isRefused(merge("adapter.safetensors", "out.bin"), "UNSUPPORTED_OUTPUT");
    }

    @Test
    void aBaseWhoseNameComesTwiceIsRefused() throws Exception {
        byte[] header = ("{\"b.lin.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                        + "\"b.lin.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[24,48]}}")
                .getBytes(StandardCharsets.UTF_8);
        ByteBuffer file = ByteBuffer.allocate(8 + header.length + 48).order(ByteOrder.LITTLE_ENDIAN);
        Files.write(
                folder.resolve("base.safetensors"),
                file.putLong(header.length).put(header).array());
        isRefused(merge("adapter.safetensors", "out.safetensors"), "UNSUPPORTED_BASE");
    }

    @Test
    void aWeightThatDoesNotFitIntoMemoryIsRefused() throws Exception {
        write(
                "ia3.safetensors",
                Tensor.ofFloats("lycoris_b_lin.on_input", Shape.of(), 1),
                Tensor.ofFloats("lycoris_b_lin.weight", Shape.of(3), 1, 2, 3));
        long rows = Runtime.getRuntime().maxMemory() / (3 * 48) + 1;
        byte[] header = "{\"b.lin.weight\":{\"dtype\":\"F32\",\"shape\":[%d,3],\"data_offsets\":[0,%d]}}"
                .formatted(rows, 12 * rows)
                .getBytes(StandardCharsets.UTF_8);
        try (RandomAccessFile file = new RandomAccessFile(at("base.safetensors"), "rw")) {
            file.setLength(8 + header.length + 12 * rows); // a hole: nothing of it is read
            file.write(ByteBuffer.allocate(8 + header.length)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(header.length)
                    .put(header)
                    .array());
        }
        isRefused(merge("ia3.safetensors", "out.safetensors"), "TOO_LARGE");
    }

    @Test
    void whatIsReadIsNotReplaced() throws Exception {
        byte[] before = Files.readAllBytes(folder.resolve("base.safetensors"));
        Called called = merge("adapter.safetensors", "base.safetensors");
        assertThat(called.status()).isEqualTo(4);
        assertThat(called.err()).contains("UNSUPPORTED_OUTPUT");
        assertThat(Files.readAllBytes(folder.resolve("base.safetensors"))).isEqualTo(before);
    }

    @Test
    void halfAStrengthAddsHalfTheDelta() throws Exception {
        merge("adapter.safetensors", "out.safetensors", "--strength", "0.5");
        assertThat(values("out.safetensors", "b.lin.weight")).containsExactly(1.25f, 1.5f, 1.75f, 2.5f, 3, 3.5f);
    }

    @Test
    void aStrengthOnDoraWantsARule() throws Exception {
        write(
                "dora.safetensors",
                Stream.of(
                                Stream.of(lora("lycoris_b_lin")),
                                Stream.of(Tensor.ofFloats("lycoris_b_lin.dora_scale", Shape.of(2, 1), 1, 2)))
                        .flatMap(tensors -> tensors)
                        .toArray(Tensor[]::new));
        isRefused(merge("dora.safetensors", "out.safetensors", "--strength", "0.5"), "STRENGTH_RULE");
        Called called = merge("dora.safetensors", "out.safetensors", "--strength", "0", "--strength-rule", "linear");
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(values("out.safetensors", "b.lin.weight")).containsExactly(1, 1, 1, 2, 2, 2);
        merge("dora.safetensors", "out.safetensors", "--strength", "0", "--strength-rule", "lycoris");
        assertThat(values("out.safetensors", "b.lin.weight")).containsExactly(1.5f, 2, 2.5f, 3, 4, 5);
    }

    @Test
    void unmatchedKeysMayBeAllowed() throws Exception {
        write(
                "both.safetensors",
                Stream.of(lora("lycoris_b_lin"), lora("lycoris_elsewhere"))
                        .flatMap(Stream::of)
                        .toArray(Tensor[]::new));
        Called called = merge("both.safetensors", "out.safetensors", "--allow-unmatched");
        assertThat(called.status()).as(called.err()).isZero();
    }

    @Test
    void aFileThatIsNotThereIsAFailure() {
        Called called = merge("nowhere.safetensors", "out.safetensors");
        assertThat(called.status()).isEqualTo(1);
        assertThat(called.err()).contains("FAILED: STORE").contains("nowhere.safetensors");
    }

    @Test
    void nd4jComputesTheSame() throws Exception {
        Called called = merge("adapter.safetensors", "out.safetensors", "--kernel", "nd4j");
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(called.out()).contains("kernel        nd4j-native-1.0.0-M2.1 on cpu");
        assertThat(values("out.safetensors", "b.lin.weight")).containsExactly(1.5f, 2, 2.5f, 3, 4, 5);
    }

    /** Starting Java shows it: what a process has loaded once, it has for all tests. */
    @Test
    void nd4jIsLoadedWhereItComputesAndNowhereElse() throws Exception {
        assertThat(loaded("java")).contains("io.doraxis.merge.JavaKernel").noneMatch(MergeIT::isOfNd4j);
        assertThat(loaded("nd4j")).contains("io.doraxis.nd4j.Nd4jKernel").anyMatch(MergeIT::isOfNd4j);
    }

    private static boolean isOfNd4j(String name) {
        return name.startsWith("org.nd4j.") || name.startsWith("org.bytedeco.");
    }

    /** Names of the classes that a merge loads. */
    private List<String> loaded(String kernel) throws Exception {
        Path log = folder.resolve("loaded-" + kernel);
        Process merge = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "@../conf/spark-java.options",
                        "-Xlog:class+load:file=" + log + "::filecount=0",
                        "-cp",
                        System.getProperty("java.class.path"),
                        "io.doraxis.cli.Doraxis",
                        "merge",
                        "--adapter",
                        at("adapter.safetensors"),
                        "--base",
                        at("base.safetensors"),
                        "--output",
                        at("out-" + kernel + ".safetensors"),
                        "--kernel",
                        kernel)
                .inheritIO()
                .start();
        assertThat(merge.waitFor()).isZero();
        return Files.readAllLines(log).stream()
                .map(line -> line.substring(line.lastIndexOf("] ") + 2).split(" ")[0])
                .toList();
    }

    @Test
    void aGpuIsRefusedAtTheStartWhereTheBuildHasNoCuda() throws Exception {
        Called called = merge("adapter.safetensors", "out.safetensors", "--device", "gpu");
        assertThat(called.status()).isEqualTo(64);
        assertThat(called.err())
                .contains("doraxis: --device gpu: ND4J computes on the CPU only in this build: build with -Pcuda");
        assertThat(merge("adapter.safetensors", "out.safetensors", "--device", "gpu", "--kernel", "java")
                        .err())
                .contains("--kernel java computes on the CPU: leave it out with --device gpu");
        assertThat(files()).doesNotContain("out.safetensors");
    }

    @Test
    void whereNoGpuIsAutoTakesTheCpuAndSaysWhy() throws Exception {
        Called called = merge("adapter.safetensors", "out.safetensors", "--device", "auto");
        assertThat(called.status()).as(called.err()).isZero();
        assertThat(called.out())
                .contains("kernel        java-float32 on cpu")
                .contains(
                        "warning       computed on the CPU, not on gpu 0: ND4J computes on the CPU only in this build");
    }

    @Test
    void halfARequestIsWrongUsage() {
        assertThat(Called.doraxis("merge", "--adapter", "a", "--output", "o").status())
                .isEqualTo(64);
        assertThat(Called.doraxis("merge", "--plan", "p", "--base", "b", "--output", "o")
                        .status())
                .isEqualTo(64);
    }

    @Test
    void aPlanHasARowForEachOfItsMerges() throws Exception {
        Files.writeString(
                folder.resolve("plan.csv"),
                "adapter,base,output\n"
                        + Stream.of("adapter", "nowhere", "base")
                                .map(name -> at(name + ".safetensors") + "," + at("base.safetensors") + ","
                                        + at("made-" + name + ".safetensors") + "\n")
                                .collect(Collectors.joining())
                        + ",,\n");
        Called called =
                Called.doraxis("merge", "--plan", at("plan.csv"), "--output", at("run"), "--master", "local[2]");
        assertThat(called.status()).as(called.err()).isEqualTo(1);
        assertThat(called.out()).contains("4 merges: 1 DONE, 1 FAILED, 2 REFUSED");
        assertThat(values("made-adapter.safetensors", "b.lin.weight")).containsExactly(1.5f, 2, 2.5f, 3, 4, 5);
        try (SparkSession spark = SparkSessions.open("test", "local[1]", 1)) {
            Map<String, Row> rows = spark.read().parquet(at("run") + "/merges").collectAsList().stream()
                    .collect(Collectors.toMap(row -> row.getAs("output"), row -> row));
            Row done = rows.get(at("made-adapter.safetensors"));
            assertThat(done.<Integer>getAs("tensors_written")).isEqualTo(1);
            assertThat(done.<Double>getAs("max_change")).isEqualTo(3);
            assertThat(rows.get("").<String>getAs("error_code")).isEqualTo("INCOMPLETE_ROW");
        }
    }

    @Test
    void severalAdaptersOfARowAreMergedInTheirOrderWithTheirStrengths() throws Exception {
        write(
                "second.safetensors",
                Tensor.ofFloats("lycoris_b_lin.lora_down.weight", Shape.of(1, 3), 1, 1, 1),
                Tensor.ofFloats("lycoris_b_lin.lora_up.weight", Shape.of(2, 1), 10, 20));
        String adapters = at("adapter.safetensors") + ";" + at("second.safetensors");
        String lines = "%s,%s,%s,1;0.5%n%s,%s,%s,2%n%s,%s,%s,1;2;3%n"
                .formatted(
                        adapters,
                        at("base.safetensors"),
                        at("each.safetensors"),
                        adapters,
                        at("base.safetensors"),
                        at("same.safetensors"),
                        adapters,
                        at("base.safetensors"),
                        at("three.safetensors"));
        Files.writeString(folder.resolve("plan.csv"), "adapter,base,output,strength\n" + lines);
        Called called =
                Called.doraxis("merge", "--plan", at("plan.csv"), "--output", at("run"), "--master", "local[2]");
        assertThat(called.status()).as(called.out() + called.err()).isEqualTo(4);
        assertThat(values("each.safetensors", "b.lin.weight")).containsExactly(6.5f, 7, 7.5f, 13, 14, 15);
        assertThat(values("same.safetensors", "b.lin.weight")).containsExactly(22, 23, 24, 44, 46, 48);
        assertThat(files()).doesNotContain("three.safetensors");
    }

    @Test
    void aPlanThatWritesAFileTwiceIsRefusedAtTheStart() throws IOException {
        String row = at("adapter.safetensors") + "," + at("base.safetensors") + "," + at("out.safetensors") + "\n";
        Files.writeString(folder.resolve("plan.csv"), "adapter,base,output\n" + row + row);
        Called called =
                Called.doraxis("merge", "--plan", at("plan.csv"), "--output", at("run"), "--master", "local[2]");
        assertThat(called.status()).isEqualTo(1);
        assertThat(called.err()).contains("twice");
        assertThat(files()).doesNotContain("out.safetensors", "run");
    }
}

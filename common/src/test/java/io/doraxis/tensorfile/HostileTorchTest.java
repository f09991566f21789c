package io.doraxis.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.doraxis.fixtures.FakeFile;
import io.doraxis.fixtures.PickleBuilder;
import io.doraxis.fixtures.ZipBuilder;
import io.doraxis.fixtures.ZipBuilder.Entry;
import io.doraxis.tensorfile.PickleScan.Verdict;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Archives and pickles that no program writes: each is refused with a code, or read as what it is. */
@Timeout(value = 20, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class HostileTorchTest {
    private static final byte[] TWO_FLOATS = new byte[8];
    private static final long[] TWO = {2};
    private static final long[] ONE = {1};

    private static byte[] pickle() {
        return PickleBuilder.oneTensor("a.weight", 2, 0, TWO, ONE);
    }

    private static ZipBuilder zip() {
        return zip(pickle());
    }

    private static ZipBuilder zip(byte[] pickle) {
        return new ZipBuilder().stored("m/data.pkl", pickle).stored("m/data/0", TWO_FLOATS);
    }

    private static byte[] pickled(long numel, long offset, long[] shape, long[] strides) {
        return zip(PickleBuilder.oneTensor("a", numel, offset, shape, strides)).build();
    }

    private static byte[] ops(PickleBuilder pickle) {
        return zip(pickle.bytes()).build();
    }

    /** A file of before torch 1.6 whose one storage is claimed and counted to have so many doubles, and has none. */
    private static byte[] legacy(long numel) {
        return PickleBuilder.legacy(new PickleBuilder()
                .op(0x80, 2, '(')
                .text("storage")
                .global("torch", "DoubleStorage")
                .text("0")
                .text("cpu")
                .number(numel)
                .op('t', 'Q', '.')
                .op(0x80, 2, ']', '(')
                .text("0")
                .op('e', '.')
                .int64(numel));
    }

    private static PickleBuilder pkl() {
        return new PickleBuilder().op(0x80, 2);
    }

    private static byte[] insertedBeforeEnd(byte[] file, byte[] more) {
        byte[] longer = Arrays.copyOf(file, file.length + more.length);
        System.arraycopy(more, 0, longer, file.length - 22, more.length);
        System.arraycopy(file, file.length - 22, longer, longer.length - 22, 22);
        return longer;
    }

    /** With what is told of the pickle: nothing of one that was not come to, nothing good of one that was not read. */
    private static Arguments of(String what, Reason reason, Supplier<byte[]> file) {
        return of(
                what,
                reason,
                switch (reason) {
                    case MISSING_STORAGE, SIZE_MISMATCH, TENSOR_BOUNDS -> Verdict.ALLOWED;
                    case INVALID_PICKLE, OVER_LIMIT -> Verdict.UNKNOWN;
                    default -> Verdict.NONE;
                },
                file);
    }

    private static Arguments of(String what, Reason reason, Verdict verdict, Supplier<byte[]> file) {
        return Arguments.of(what, reason, verdict, file);
    }

    static Stream<Arguments> refused() {
        return Stream.of(
                of(
                        "two entries of a name",
                        Reason.INVALID_ZIP,
                        () -> zip().stored("m/data/0", TWO_FLOATS).build()),
                of(
                        "two entries in one place",
                        Reason.INVALID_ZIP,
                        () -> zip().listed(new Entry("m/data/1", "m/data/0", 0, 8, 8, 30 + 10 + pickle().length))
                                .build()),
                of(
                        "an entry within another",
                        Reason.INVALID_ZIP,
                        () -> zip().listed(new Entry("m/data/1", "", 0, 2, 2, 35))
                                .build()),
                of(
                        "an entry beyond the archive",
                        Reason.INVALID_ZIP,
                        () -> zip().listed(new Entry("m/data/1", "", 0, 4_000_000, 4_000_000, 0))
                                .build()),
                of(
                        "a local header of another name",
                        Reason.INVALID_ZIP,
                        Verdict.UNKNOWN,
                        () -> new ZipBuilder()
                                .entry(
                                        new Entry("m/data.pkl", "n/data.pkl", 0, pickle().length, pickle().length, 0),
                                        pickle())
                                .stored("m/data/0", TWO_FLOATS)
                                .build()),
                of("a local header that is none", Reason.INVALID_ZIP, Verdict.UNKNOWN, () -> {
                    byte[] file = new ZipBuilder()
                            .stored("m/version", new byte[1])
                            .stored("m/data.pkl", pickle())
                            .build();
                    file[30 + 9 + 1] = 'X';
                    return file;
                }),
                of(
                        "a stored entry of two sizes",
                        Reason.INVALID_ZIP,
                        () -> zip().listed(new Entry("m/x", "", 0, 0, 9, 0)).build()),
                of("more entries than announced", Reason.INVALID_ZIP, () -> {
                    byte[] right = zip().build();
                    return zip().build(7, 0, right.length - 22);
                }),
                of("a directory beyond the file", Reason.INVALID_ZIP, () -> zip().build(2, 100, 0x7ffffff0)),
                of("a directory before the file", Reason.INVALID_ZIP, () -> zip().build(2, 0xfffffff0L, 10)),
                of("a directory that is none", Reason.INVALID_ZIP, () -> zip().build(2, 40, 3)),
                of(
                        "bytes between the directory and its end",
                        Reason.INVALID_ZIP,
                        () -> insertedBeforeEnd(zip().build(), new byte[4])),
                of("a directory of other entries between the directory and its end", Reason.INVALID_ZIP, () -> {
                    byte[] other = zip().build();
                    return insertedBeforeEnd(
                            zip().build(), Arrays.copyOfRange(other, 40 + pickle().length + 46, other.length - 22));
                }),
                of("a ZIP64 record of another size", Reason.INVALID_ZIP, () -> {
                    byte[] file = zip().buildZip64();
                    file[file.length - 22 - 20 - 56 + 4]++;
                    return file;
                }),
                of("a directory apart from its ZIP64 record", Reason.INVALID_ZIP, () -> {
                    byte[] file = zip().buildZip64();
                    file[file.length - 22 - 20 - 56 + 40]--;
                    return file;
                }),
                of("more entries than tensors", Reason.OVER_LIMIT, Verdict.NONE, () -> {
                    ZipBuilder zip = zip();
                    for (int i = 0; i < 251_000; i++) {
                        zip.listed(new Entry("m/" + i, "", 0, 0, 0, 0));
                    }
                    return zip.build();
                }),
                of("an entry within another, whose name has more bytes than characters", Reason.INVALID_ZIP, () -> {
                    String name = "m/" + "\u00e4".repeat(60);
                    int begin = 30 + 10 + pickle().length + 30 + 8 + 8; // of the third entry
                    return zip().stored(name, new byte[8])
                            .listed(new Entry("m/x", "", 0, 2, 2, begin + 30 + name.length() + 8))
                            .stored("m/y", new byte[60])
                            .build();
                }),
                of("no directory", Reason.BODY_TRUNCATED, () -> Arrays.copyOf(zip().build(), 200)),
                of("an empty archive", Reason.UNSUPPORTED_CONTAINER, () -> new ZipBuilder().build()),
                of("a deflated pickle of another size", Reason.INVALID_ZIP, Verdict.UNKNOWN, () -> {
                    byte[] packed = {3, 0}; // an empty deflate stream
                    return new ZipBuilder()
                            .entry(new Entry("m/data.pkl", "m/data.pkl", 8, 2, 500, 0), packed)
                            .build();
                }),
                of(
                        "a pickle packed by something else",
                        Reason.INVALID_ZIP,
                        Verdict.UNKNOWN,
                        () -> new ZipBuilder()
                                .entry(new Entry("m/data.pkl", "m/data.pkl", 93, 2, 2, 0), new byte[2])
                                .build()),
                of(
                        "a bomb",
                        Reason.OVER_LIMIT,
                        () -> new ZipBuilder()
                                .deflated("m/data.pkl", new byte[80 << 20])
                                .build()),
                of(
                        "a pickle that lies about its size",
                        Reason.OVER_LIMIT,
                        () -> new ZipBuilder()
                                .entry(new Entry("m/data.pkl", "m/data.pkl", 8, 2, 0xfffffff0L, 0), new byte[2])
                                .build()),
                of(
                        "an archive of arrays",
                        Reason.UNSUPPORTED_CONTAINER,
                        () -> new ZipBuilder()
                                .stored("weights.npy", new byte[80])
                                .build()),
                of(
                        "a script",
                        Reason.UNSUPPORTED_CONTAINER,
                        Verdict.UNKNOWN,
                        () -> zip().stored("m/constants.pkl", new byte[1])
                                .stored("m/code/x.py", new byte[1])
                                .build()),
                of(
                        "an archive of something else",
                        Reason.UNSUPPORTED_CONTAINER,
                        () -> new ZipBuilder().stored("readme.txt", new byte[3]).build()),
                of(
                        "two pickles",
                        Reason.UNSUPPORTED_CONTAINER,
                        Verdict.ALLOWED,
                        () -> zip().stored("n/data.pkl", pickle()).build()),
                of(
                        "no storage",
                        Reason.MISSING_STORAGE,
                        () -> new ZipBuilder().stored("m/data.pkl", pickle()).build()),
                of(
                        "a storage outside the archive's root",
                        Reason.MISSING_STORAGE,
                        () -> new ZipBuilder()
                                .stored("m/data.pkl", pickle())
                                .stored("m/../data/0", TWO_FLOATS)
                                .build()),
                of("a storage of another size", Reason.SIZE_MISMATCH, () -> pickled(3, 0, TWO, ONE)),
                of("a tensor beyond its storage", Reason.TENSOR_BOUNDS, () -> pickled(2, 0, new long[] {3}, ONE)),
                of("a tensor that begins beyond it", Reason.TENSOR_BOUNDS, () -> pickled(2, 1, TWO, ONE)),
                of("a stride beyond it", Reason.TENSOR_BOUNDS, () -> pickled(2, 0, TWO, new long[] {2})),
                of("a negative offset", Reason.TENSOR_BOUNDS, () -> pickled(2, -1, TWO, ONE)),
                of("an offset of 2^63", Reason.TENSOR_BOUNDS, () -> pickled(2, Long.MAX_VALUE, TWO, ONE)),
                of(
                        "a view of 2^80 elements",
                        Reason.TENSOR_BOUNDS,
                        () -> pickled(2, 0, new long[] {1L << 40, 1L << 40}, new long[] {0, 0})),
                of(
                        "strides whose sum overflows",
                        Reason.TENSOR_BOUNDS,
                        () -> pickled(2, 0, new long[] {1L << 40}, new long[] {1L << 40})),
                of("a negative number of elements", Reason.TENSOR_BOUNDS, () -> pickled(-2, 0, new long[] {0}, ONE)),
                of("no STOP", Reason.INVALID_PICKLE, () -> ops(pkl().op('}'))),
                of("nothing to stop at", Reason.INVALID_PICKLE, () -> ops(pkl().op('.'))),
                of("an unknown opcode", Reason.INVALID_PICKLE, () -> ops(pkl().op('}', 0xff, '.'))),
                of("a value that is not there", Reason.INVALID_PICKLE, () -> ops(pkl().op('R', '.'))),
                of("a mark that is not there", Reason.INVALID_PICKLE, () -> ops(pkl().op('t', '.'))),
                of("a value taken through a mark", Reason.INVALID_PICKLE, () -> ops(pkl().op('N', '(', 'R', '.'))),
                of("a memo that was not made", Reason.INVALID_PICKLE, () -> ops(pkl().op('h', 7, '.'))),
                of(
                        "a memo far away",
                        Reason.INVALID_PICKLE,
                        () -> ops(pkl().op('N', 'r').int32(0xfffffff0L).op('.'))),
                of("a dict of a key without a value", Reason.INVALID_PICKLE, () -> ops(pkl().op('(', 'N', 'd', '.'))),
                of("a local header that leads out of the file", Reason.INVALID_ZIP, Verdict.ALLOWED, () -> {
                    byte[] file = zip().build();
                    int second = 30 + 10 + pickle().length; // the header of m/data/0
                    file[second + 29] = 0x7f; // the upper byte of its extra field's length
                    return file;
                }),
                of("a key without a value", Reason.INVALID_PICKLE, () -> ops(pkl().op('}', '(', 'N', 'u', '.'))),
                of(
                        "a text of 2 GiB",
                        Reason.INVALID_PICKLE,
                        () -> ops(pkl().op('X').int32(0x7fffffff).op('.'))),
                of(
                        "a text of 2^63 bytes",
                        Reason.INVALID_PICKLE,
                        () -> ops(pkl().op(0x8d).int64(-1).op('.'))),
                of(
                        "bytes of 2^62",
                        Reason.INVALID_PICKLE,
                        () -> ops(pkl().op(0x8e).int64(1L << 62).op('.'))),
                of(
                        "a number of 2^31 bytes",
                        Reason.INVALID_PICKLE,
                        () -> ops(pkl().op(0x8b).int32(0x7fffffff).op('.'))),
                of("letters for a number", Reason.INVALID_PICKLE, () -> ops(pkl().op("Ixyz\n."))),
                of("a line without an end", Reason.INVALID_PICKLE, () -> ops(pkl().op("cos"))),
                of(
                        "tuples of two of the same, forty times, for a name",
                        Reason.INVALID_PICKLE,
                        () -> ops(pkl().op(')').repeated(40, '2', 0x86).op(0x8c, 1, 'x', 0x93, '.'))),
                of(
                        "tuples within tuples for a module's name",
                        Reason.INVALID_PICKLE,
                        () -> ops(pkl().op(')').repeated(100_000, 0x85).op(0x8c, 1, 'x', 0x93, '.'))),
                of(
                        "persistent ids of persistent ids for a name",
                        Reason.INVALID_PICKLE,
                        () -> ops(pkl().op(0x8c, 1, 'x', 'N')
                                .repeated(100_000, 'Q')
                                .op(0x93, '.'))),
                of("more elements than 2^63 bytes", Reason.BODY_TRUNCATED, Verdict.ALLOWED, () -> legacy(1L << 62)),
                of("more elements than the file has bytes", Reason.BODY_TRUNCATED, Verdict.ALLOWED, () -> legacy(1)),
                of("a list of many that is shown often", Reason.OVER_LIMIT, Verdict.ALLOWED, () -> {
                    PickleBuilder pickle = pkl().op(']', 'q', 0, '(').repeated(300_000, 'K', 1);
                    return ops(
                            pickle.op('e', ']', '(').repeated(200_000, 'h', 0).op('e', '.'));
                }),
                of("a dict of many that is shown often", Reason.OVER_LIMIT, Verdict.ALLOWED, () -> {
                    PickleBuilder pickle = pkl().op('}', 'q', 0, '(').repeated(300_000, 'N', 'N');
                    return ops(
                            pickle.op('u', ']', '(').repeated(200_000, 'h', 0).op('e', '.'));
                }),
                of(
                        "a name of more than 2^20 characters",
                        Reason.OVER_LIMIT,
                        Verdict.ALLOWED,
                        () -> zip(PickleBuilder.oneTensor("a".repeat((1 << 20) + 1), 2, 0, TWO, ONE))
                                .build()),
                of("a long name before many tensors", Reason.OVER_LIMIT, Verdict.ALLOWED, () -> {
                    PickleBuilder pickle =
                            pkl().op('}', '(').text("a".repeat(1 << 19)).op('}', '(');
                    pickle.op('N').tensor("0", 2, 0, TWO, ONE).op('q', 0);
                    for (int i = 0; i < 200; i++) {
                        pickle.op('K', i, 'h', 0);
                    }
                    return ops(pickle.op('u', 'u', '.'));
                }),
                of("values without end", Reason.OVER_LIMIT, () -> {
                    PickleBuilder pickle = pkl();
                    byte[] many = new byte[5_000_000];
                    Arrays.fill(many, (byte) ']');
                    return zip(pickle.op(new String(many, StandardCharsets.ISO_8859_1))
                                    .bytes())
                            .build();
                }));
    }

    private static TensorIndex read(byte[] file, PickleScan scan) throws Exception {
        return TorchReader.read(Container.of(file, file.length), FakeFile.of(file), file, file.length, scan);
    }

    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource("refused")
    void isRefusedWithItsCode(String what, Reason reason, Verdict verdict, Supplier<byte[]> file) {
        PickleScan scan = new PickleScan();
        MalformedTensorFileException refusal =
                catchThrowableOfType(MalformedTensorFileException.class, () -> read(file.get(), scan));

        assertThat(refusal).as(what).isNotNull();
        assertThat(refusal.reason()).as(refusal.getMessage()).isEqualTo(reason);
        assertThat(refusal.getMessage()).hasSizeLessThan(1_000);
        assertThat(scan.verdict()).as(what).isEqualTo(verdict);
    }

    @Test
    void aLegacyFileOfTheSameFormIsRead() throws Exception {
        assertThat(read(legacy(0), new PickleScan()).findings())
                .extracting(Finding::code)
                .containsExactly(Finding.Code.NO_TENSORS);
    }

    @Test
    void aValueThatHoldsManyIsToldInAWord() {
        Object nested = new PickleValue.Tuple(List.of());
        for (int i = 0; i < 100_000; i++) {
            nested = new PickleValue.Persistent(new PickleValue.Tuple(List.of(nested, nested)));
        }
        assertThat(nested).hasToString("a persistent id");
        assertThat(((PickleValue.Persistent) nested).id()).hasToString("a tuple of 2");
    }

    @Test
    void aPickleThatEndsBeforeItsImportIsNotAllowed() {
        byte[] rest = pkl().op('N', 'r').int32(1_000_000).op("cos\nsystem\n.").bytes();
        List<byte[]> files = List.of(
                zip(rest).build(),
                PickleBuilder.legacy(new PickleBuilder().op(rest)),
                zip(Arrays.copyOf(rest, 2)).build(),
                PickleBuilder.legacy(new PickleBuilder().op(0x80, 2, 'N')));
        for (byte[] file : files) {
            PickleScan scan = new PickleScan();
            assertThat(catchThrowableOfType(MalformedTensorFileException.class, () -> read(file, scan)))
                    .isNotNull();
            assertThat(scan.verdict()).isEqualTo(Verdict.UNKNOWN);
        }
    }

    @Test
    void aDeniedNameIsToldBehindAnyNumberOfOthers() throws Exception {
        PickleBuilder pickle = pkl();
        for (int i = 0; i < 300; i++) {
            pickle.global("a", "b" + i);
        }
        for (int i = 0; i < 300; i++) {
            pickle.global("os", "x" + i);
        }
        PickleScan scan = new PickleScan();
        read(ops(pickle.global("posix", "system").op('.')), scan);

        assertThat(scan.verdict()).isEqualTo(Verdict.DENIED);
        assertThat(scan.denied()).hasSize(200).contains("os.x0").isSorted();
        assertThat(scan.names()).hasSize(200).containsAll(scan.denied());
    }

    @Test
    void aLongNameIsJudgedByItsBeginning() throws Exception {
        PickleScan scan = new PickleScan();
        read(
                ops(pkl().global("os", "path.os.".repeat(100_000) + "system")
                        .global(".".repeat(100_000), "x")
                        .op('.')),
                scan);

        assertThat(scan.verdict()).isEqualTo(Verdict.DENIED);
        assertThat(scan.denied())
                .singleElement()
                .asString()
                .startsWith("os.path.os.")
                .endsWith("...")
                .hasSize(200);
        assertThat(scan.names()).hasSize(2);
    }

    @Test
    void aLongNameThatIsImportedOftenIsLookedAtOnce() throws Exception {
        PickleBuilder pickle = pkl().text(".".repeat(1 << 20)).op('q', 0, '(').repeated(300_000, 'h', 0, 'h', 0, 0x93);
        PickleScan scan = new PickleScan();
        read(ops(pickle.op('t', '.')), scan);

        assertThat(scan.names()).hasSize(1);
        assertThat(scan.verdict()).isEqualTo(Verdict.UNKNOWN);
    }

    @Test
    void aLongNameBeforeManyThatHoldNoTensorIsNotRepeated() throws Exception {
        PickleBuilder pickle = pkl().op('}', '(').text("a".repeat(1 << 20)).op('}', '(');
        pickle.repeated(500_000, 'K', 1, '}').op('u', 'u', '.');

        assertThat(read(ops(pickle), new PickleScan()).tensors()).isEmpty();
    }

    @Test
    void aTensorOfNoElementsLiesInItsStorageWhateverItsOffset() throws Exception {
        for (long offset : new long[] {0, 3, 4611686018427387654L, Long.MAX_VALUE}) {
            byte[] file = pickled(2, offset, new long[] {0}, ONE);
            TensorInfo tensor = read(file, new PickleScan()).tensors().get(0);

            assertThat(tensor.begin()).isBetween(0L, (long) file.length).isEqualTo(tensor.end());
            assertThat(TensorData.ofHead(file, file.length).bytes(tensor))
                    .hasValueSatisfying(data -> assertThat(data.remaining()).isZero());
        }
    }

    @Test
    void aRightArchiveOfTheSameFormIsRead() throws Exception {
        TensorIndex index = read(zip().build(), new PickleScan());

        assertThat(index.tensors()).extracting(TensorInfo::name).containsExactly("a.weight");
        assertThat(index.findings()).isEmpty();
    }

    @Test
    void aRightArchiveWithAZip64RecordIsRead() throws Exception {
        assertThat(read(zip().buildZip64(), new PickleScan()).tensors()).hasSize(1);
    }

    @Test
    void namesOfAnyBytesAreRead() throws Exception {
        for (String root : List.of("\u00e4\u4e16\u754c", "\u00ff")) {
            byte[] file = new ZipBuilder()
                    .stored(root + "/data.pkl", pickle())
                    .stored(root + "/data/0", TWO_FLOATS)
                    .build();
            assertThat(read(file, new PickleScan()).tensors()).hasSize(1);
        }
        byte[] file = new ZipBuilder()
                .stored("mmm/data.pkl", pickle())
                .stored("mmm/data/0", TWO_FLOATS)
                .build();
        for (int i = 0; i + 3 < file.length; i++) { // in code page 437, as older archivers write
            if (file[i] == 'm' && file[i + 1] == 'm' && file[i + 3] == '/') {
                file[i + 1] = (byte) 0x84;
            }
        }
        assertThat(read(file, new PickleScan()).tensors().get(0).begin()).isPositive();
    }

    @Test
    void whatIsWrongInADeflatedPickleIsToldToBeWhereItBegins() {
        PickleBuilder pickle = pkl().repeated(10_000, 'N').op(0xff);
        byte[] file = new ZipBuilder().deflated("m/data.pkl", pickle.bytes()).build();
        MalformedTensorFileException refusal =
                catchThrowableOfType(MalformedTensorFileException.class, () -> read(file, new PickleScan()));

        assertThat(refusal.reason()).isEqualTo(Reason.INVALID_PICKLE);
        assertThat(refusal.offset()).isEqualTo(30 + 10);
    }

    @Test
    void thePicklesOfAnArchiveThatIsNotReadAreLookedAt() {
        byte[] shell = pkl().global("os", "system").op('.').bytes();
        List<ZipBuilder> archives = List.of(
                new ZipBuilder().stored("m/data.pkl", shell).stored("m/constants.pkl", pickle()),
                new ZipBuilder().stored("m/data.pkl", pickle()).stored("n/data.pkl", shell),
                new ZipBuilder().stored("a/b/data.pkl", pickle()).deflated("x.pkl", shell),
                new ZipBuilder().stored("x.pkl", new byte[] {'N'}).stored("y.pkl", shell));
        for (ZipBuilder archive : archives) {
            PickleScan scan = new PickleScan();
            assertThat(catchThrowableOfType(MalformedTensorFileException.class, () -> read(archive.build(), scan))
                            .reason())
                    .isEqualTo(Reason.UNSUPPORTED_CONTAINER);
            assertThat(scan.denied()).containsExactly("os.system");
        }
    }

    @Test
    void anArchiveOfMorePicklesThanAreLookedAtIsNotAllowed() {
        ZipBuilder many = new ZipBuilder();
        for (int i = 0; i < 17; i++) {
            many.stored(i + ".pkl", pickle());
        }
        ZipBuilder large =
                new ZipBuilder().deflated("a.pkl", new byte[40 << 20]).deflated("b.pkl", new byte[40 << 20]);
        ZipBuilder broken = new ZipBuilder().entry(new Entry("a.pkl", "b.pkl", 0, 2, 2, 0), new byte[2]);
        for (ZipBuilder archive : List.of(many, large, broken)) {
            PickleScan scan = new PickleScan();
            assertThat(catchThrowableOfType(MalformedTensorFileException.class, () -> read(archive.build(), scan)))
                    .isNotNull();
            assertThat(scan.verdict()).isEqualTo(Verdict.UNKNOWN);
        }
    }

    @Test
    void codeBesideAStateDictMakesNoScriptOfIt() throws Exception {
        assertThat(read(zip().stored("m/code/x.py", new byte[1]).build(), new PickleScan())
                        .tensors())
                .hasSize(1);
    }

    @Test
    void aDeflatedPickleIsRead() throws Exception {
        byte[] file = new ZipBuilder()
                .deflated("m/data.pkl", pickle())
                .stored("m/data/0", TWO_FLOATS)
                .build();

        assertThat(read(file, new PickleScan()).tensors()).hasSize(1);
    }

    @Test
    void deflatedStoragesHaveNoPlace() throws Exception {
        byte[] file = new ZipBuilder()
                .stored("m/data.pkl", pickle())
                .deflated("m/data/0", TWO_FLOATS)
                .build();

        assertThat(read(file, new PickleScan()).tensors().get(0).begin()).isEqualTo(TensorInfo.NOWHERE);
    }

    @Test
    void listsThatHoldThemselvesAreNotFollowedForEver() throws Exception {
        byte[] file = ops(pkl().op(']', 'q', 0, 'h', 0, 'a', '.'));

        assertThat(read(file, new PickleScan()).tensors()).isEmpty();
    }

    @Test
    void listsOfListsOfTheSameListsAreGivenUp() {
        PickleBuilder pickle = pkl().op(']', 'q', 0);
        for (int i = 1; i < 60; i++) { // each list holds the one before eight times
            pickle.op(']', 'q', i, '(');
            for (int j = 0; j < 8; j++) {
                pickle.op('h', i - 1);
            }
            pickle.op('e');
        }

        MalformedTensorFileException refusal = catchThrowableOfType(
                MalformedTensorFileException.class, () -> read(ops(pickle.op('.')), new PickleScan()));
        assertThat(refusal.reason()).isEqualTo(Reason.OVER_LIMIT);
    }

    @Test
    void whatAPickleWouldImportIsToldByEveryWayOfImporting() throws Exception {
        PickleScan scan = new PickleScan();
        read(
                ops(pkl().op("cos\nsystem\n")
                        .op("(inumpy\nzeros\n")
                        .op(0x8c, 8)
                        .op("builtins")
                        .op(0x8c, 4)
                        .op("eval")
                        .op(0x93)
                        .op(0x82, 9)
                        .op('.')),
                scan);

        assertThat(scan.names()).containsExactly("builtins.eval", "copyreg.extension.9", "numpy.zeros", "os.system");
        assertThat(scan.denied()).containsExactly("builtins.eval", "os.system");
        assertThat(scan.verdict()).isEqualTo(Verdict.DENIED);
    }

    @Test
    void whatAPickleWouldImportIsToldThoughTheFileIsRefused() {
        PickleScan scan = new PickleScan();
        assertThat(catchThrowableOfType(
                        MalformedTensorFileException.class,
                        () -> read(ops(pkl().op("cos\nsystem\n").op('R', '.')), scan)))
                .isNotNull();

        assertThat(scan.verdict()).isEqualTo(Verdict.DENIED);
    }

    @Test
    void aSecondPickleBehindTheFirstIsLookedAtToo() throws Exception {
        PickleScan scan = new PickleScan();
        read(ops(pkl().op('}', '.').op(0x80, 2).op("cposix\nsystem\n").op('.')), scan);

        assertThat(scan.denied()).containsExactly("posix.system");
    }

    @Test
    void aBarePickleIsUnsupportedAndItsNamesAreTold() {
        PickleScan scan = new PickleScan();
        MalformedTensorFileException refusal = catchThrowableOfType(
                MalformedTensorFileException.class,
                () -> read(
                        new PickleBuilder()
                                .op(0x80, 4)
                                .op("csubprocess\nPopen\n")
                                .op('.')
                                .bytes(),
                        scan));

        assertThat(refusal.reason()).isEqualTo(Reason.UNSUPPORTED_CONTAINER);
        assertThat(scan.denied()).containsExactly("subprocess.Popen");
    }
}

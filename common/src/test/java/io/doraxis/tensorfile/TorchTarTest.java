package io.doraxis.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.doraxis.fixtures.FakeFile;
import io.doraxis.fixtures.PickleBuilder;
import io.doraxis.fixtures.TarBuilder;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Torch's tar archives of before 0.1.10: right ones, and such as no program writes. */
class TorchTarTest {
    private static final long TENSOR = 94_000_000_000_064L;
    private static final long STORAGE = 94_000_000_000_128L;
    private static final byte[] FOUR_FLOATS = new byte[16];
    private static final byte[] NO_VIEWS = pkl().op(']', '.').bytes();

    private static PickleBuilder pkl() {
        return new PickleBuilder().op(0x80, 2);
    }

    private static byte[] joined(byte[]... parts) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }

    private static byte[] numbers(ByteOrder order, long... numbers) {
        ByteBuffer buffer = ByteBuffer.allocate(numbers.length * 8).order(order);
        for (long number : numbers) {
            buffer.putLong(number);
        }
        return buffer.array();
    }

    private static byte[] count(long count) {
        return pkl().number(count).op('.').bytes();
    }

    /** {@code {"a": tensor}}, which the pickle asks for by a text. */
    private static byte[] object(long number) {
        return pkl().op('}')
                .text("a")
                .text(String.valueOf(number))
                .op('Q', 's', '.')
                .bytes();
    }

    private static byte[] tensor(long storage, ByteOrder order, int rank, long... sizesStridesOffset) {
        byte[] head = pkl().op('(')
                .number(TENSOR)
                .number(storage)
                .global("torch", "FloatTensor")
                .op('t', '.')
                .bytes();
        byte[] dims = ByteBuffer.allocate(8)
                .order(order)
                .putInt(rank)
                .putInt(0x7f7f7f7f)
                .array(); // then garbage
        return joined(head, dims, numbers(order, sizesStridesOffset));
    }

    private static byte[] storageHead(long number, String type) {
        return pkl().op('(')
                .number(number)
                .text("cpu")
                .global("torch", type)
                .op('t', '.')
                .bytes();
    }

    private static byte[] storage(long number, ByteOrder order, long numel, byte[] data) {
        return joined(storageHead(number, "FloatStorage"), numbers(order, numel), data);
    }

    private static byte[] machine(boolean littleEndian) {
        return pkl().op('}')
                .text("little_endian")
                .op(littleEndian ? 0x88 : 0x89, 's', '.')
                .bytes();
    }

    private static byte[] rightTensor() {
        return tensor(STORAGE, ByteOrder.LITTLE_ENDIAN, 2, 2, 2, 2, 1, 0);
    }

    private static byte[] rightStorage() {
        return storage(STORAGE, ByteOrder.LITTLE_ENDIAN, 4, FOUR_FLOATS);
    }

    private static byte[] tensors(byte[] tensor) {
        return joined(count(1), tensor);
    }

    private static byte[] storages(byte[] storage) {
        return joined(count(1), storage, NO_VIEWS);
    }

    private static TarBuilder tar(byte[] object, byte[] tensors, byte[] storages) {
        return new TarBuilder()
                .file("sys_info", machine(true))
                .file("pickle", object)
                .file("tensors", tensors)
                .file("storages", storages);
    }

    private static byte[] withTensor(byte[] tensor) {
        return tar(object(TENSOR), tensors(tensor), storages(rightStorage())).build();
    }

    private static byte[] withStorages(byte[] storages) {
        return tar(object(TENSOR), tensors(rightTensor()), storages).build();
    }

    private static byte[] withView(long offset, long numel) {
        long view = STORAGE + 64;
        byte[] views =
                pkl().op(']').numbers(view, STORAGE, offset, numel).op('a', '.').bytes();
        return tar(
                        object(TENSOR),
                        tensors(tensor(view, ByteOrder.LITTLE_ENDIAN, 1, 2, 1, 0)),
                        joined(count(1), rightStorage(), views))
                .build();
    }

    private static TarBuilder right() {
        return tar(object(TENSOR), tensors(rightTensor()), storages(rightStorage()));
    }

    private static Arguments of(String what, Reason reason, Supplier<byte[]> file) {
        return Arguments.of(what, reason, file);
    }

    static Stream<Arguments> refused() {
        return Stream.of(
                of(
                        "a member twice",
                        Reason.INVALID_TAR,
                        () -> right().file("pickle", object(TENSOR)).build()),
                of(
                        "a link",
                        Reason.INVALID_TAR,
                        () -> right().member("x", '2', "0", new byte[0]).build()),
                of(
                        "a folder",
                        Reason.INVALID_TAR,
                        () -> right().member("x/", '5', "0", new byte[0]).build()),
                of(
                        "a header for all members",
                        Reason.INVALID_TAR,
                        () -> right().member("x", 'g', "0", new byte[0]).build()),
                of("another checksum", Reason.INVALID_TAR, () -> {
                    byte[] file = right().build();
                    file[512 + 512 + 1] = 'X'; // in the name of the second member
                    return file;
                }),
                of(
                        "letters for a size",
                        Reason.INVALID_TAR,
                        () -> right().member("x", '0', "12x", new byte[0]).build()),
                of(
                        "no size",
                        Reason.INVALID_TAR,
                        () -> right().member("x", '0', "", new byte[0]).build()),
                of(
                        "a pax record that is too long",
                        Reason.INVALID_TAR,
                        () -> right().pax("99 mtime=1\n").file("x", new byte[0]).build()),
                of(
                        "a pax record without a length",
                        Reason.INVALID_TAR,
                        () -> right().pax("mtime=1\n").file("x", new byte[0]).build()),
                of(
                        "a pax record of nothing",
                        Reason.INVALID_TAR,
                        () -> right().pax("3 \n").file("x", new byte[0]).build()),
                of(
                        "a pax record of a negative size",
                        Reason.INVALID_TAR,
                        () -> right().pax(TarBuilder.record("size", "-1"))
                                .file("x", new byte[0])
                                .build()),
                of(
                        "a sparse member",
                        Reason.INVALID_TAR,
                        () -> right().pax(TarBuilder.record("GNU.sparse.major", "1"))
                                .file("x", new byte[0])
                                .build()),
                of(
                        "a long pax header",
                        Reason.INVALID_TAR,
                        () -> right().member("p", 'x', "10001", new byte[4097]).build()),
                of(
                        "a size beyond the file",
                        Reason.BODY_TRUNCATED,
                        () -> right().member("x", '0', "77777777777", new byte[0])
                                .build()),
                of(
                        "a pax size beyond the file",
                        Reason.BODY_TRUNCATED,
                        () -> right().pax(TarBuilder.record("size", "999999999999999999"))
                                .file("x", new byte[0])
                                .build()),
                of("too many members", Reason.OVER_LIMIT, () -> {
                    TarBuilder many = right();
                    for (int i = 0; i < 70; i++) {
                        many.file("m" + i, new byte[0]);
                    }
                    return many.build();
                }),
                of(
                        "no storages",
                        Reason.UNSUPPORTED_CONTAINER,
                        () -> new TarBuilder()
                                .file("sys_info", machine(true))
                                .file("pickle", object(TENSOR))
                                .file("tensors", tensors(rightTensor()))
                                .build()),
                of(
                        "an end before the storages",
                        Reason.BODY_TRUNCATED,
                        () -> new TarBuilder()
                                .file("sys_info", machine(true))
                                .file("pickle", object(TENSOR))
                                .file("tensors", tensors(rightTensor()))
                                .withoutEnd()),
                of(
                        "an object that is no pickle",
                        Reason.INVALID_PICKLE,
                        () -> tar(new byte[] {1, 2, 3}, tensors(rightTensor()), storages(rightStorage()))
                                .build()),
                of(
                        "an object that ends early",
                        Reason.INVALID_PICKLE,
                        () -> tar(new byte[0], tensors(rightTensor()), storages(rightStorage()))
                                .build()),
                of(
                        "a large object",
                        Reason.OVER_LIMIT,
                        () -> tar(new byte[(64 << 20) + 1], tensors(rightTensor()), storages(rightStorage()))
                                .build()),
                of(
                        "a tensor that is not there",
                        Reason.MISSING_STORAGE,
                        () -> tar(object(7), tensors(rightTensor()), storages(rightStorage()))
                                .build()),
                of(
                        "a count that is a text",
                        Reason.INVALID_PICKLE,
                        () -> withStorages(pkl().text("1").op('.').bytes())),
                of("a negative count", Reason.INVALID_PICKLE, () -> withStorages(count(-1))),
                of(
                        "storages without end",
                        Reason.INVALID_PICKLE,
                        () -> withStorages(joined(count(Long.MAX_VALUE), rightStorage()))),
                of(
                        "no list of views",
                        Reason.INVALID_PICKLE,
                        () -> withStorages(joined(
                                count(1), rightStorage(), pkl().op('}', '.').bytes()))),
                of(
                        "nothing for a list of views",
                        Reason.INVALID_PICKLE,
                        () -> withStorages(joined(count(1), rightStorage()))),
                of(
                        "a storage of two values",
                        Reason.INVALID_PICKLE,
                        () -> withStorages(
                                joined(count(1), pkl().numbers(1, 2).op('.').bytes(), NO_VIEWS))),
                of(
                        "a storage whose number is a text",
                        Reason.INVALID_PICKLE,
                        () -> withStorages(joined(
                                count(1),
                                pkl().op('(')
                                        .text("7")
                                        .text("cpu")
                                        .global("torch", "FloatStorage")
                                        .op('t', '.')
                                        .bytes(),
                                numbers(ByteOrder.LITTLE_ENDIAN, 0),
                                NO_VIEWS))),
                of(
                        "a storage with a long place",
                        Reason.INVALID_PICKLE,
                        () -> withStorages(joined(
                                count(1),
                                pkl().op('(')
                                        .number(STORAGE)
                                        .text("cpu".repeat(2_000))
                                        .global("torch", "FloatStorage")
                                        .op('t', '.')
                                        .bytes(),
                                numbers(ByteOrder.LITTLE_ENDIAN, 4),
                                FOUR_FLOATS,
                                NO_VIEWS))),
                of(
                        "a storage twice",
                        Reason.INVALID_PICKLE,
                        () -> withStorages(joined(count(2), rightStorage(), rightStorage(), NO_VIEWS))),
                of(
                        "a storage of an unknown type",
                        Reason.UNKNOWN_DTYPE,
                        () -> withStorages(joined(
                                count(1),
                                storageHead(STORAGE, "NibbleStorage"),
                                numbers(ByteOrder.LITTLE_ENDIAN, 4),
                                FOUR_FLOATS,
                                NO_VIEWS))),
                of(
                        "a storage of more elements than bytes",
                        Reason.SIZE_MISMATCH,
                        () -> withStorages(storages(storage(STORAGE, ByteOrder.LITTLE_ENDIAN, 1 << 20, FOUR_FLOATS)))),
                of(
                        "a storage of 2^62 elements",
                        Reason.SIZE_MISMATCH,
                        () -> withStorages(storages(storage(STORAGE, ByteOrder.LITTLE_ENDIAN, 1L << 62, FOUR_FLOATS)))),
                of(
                        "a storage of less than nothing",
                        Reason.SIZE_MISMATCH,
                        () -> withStorages(storages(storage(STORAGE, ByteOrder.LITTLE_ENDIAN, -4, FOUR_FLOATS)))),
                of("a view beyond its storage", Reason.TENSOR_BOUNDS, () -> withView(3, 2)),
                of("a view before its storage", Reason.TENSOR_BOUNDS, () -> withView(-1, 2)),
                of("a view of 2^63 elements", Reason.TENSOR_BOUNDS, () -> withView(1, Long.MAX_VALUE)),
                of(
                        "a view of no storage",
                        Reason.MISSING_STORAGE,
                        () -> withStorages(joined(
                                count(1),
                                rightStorage(),
                                pkl().op(']').numbers(1, 2, 0, 1).op('a', '.').bytes()))),
                of(
                        "a view of texts",
                        Reason.INVALID_PICKLE,
                        () -> withStorages(joined(
                                count(1),
                                rightStorage(),
                                pkl().op(']', '(')
                                        .text("1")
                                        .text("2")
                                        .text("3")
                                        .text("4")
                                        .op('t', 'a', '.')
                                        .bytes()))),
                of(
                        "a tensor of no storage",
                        Reason.MISSING_STORAGE,
                        () -> withTensor(tensor(7, ByteOrder.LITTLE_ENDIAN, 1, 4, 1, 0))),
                of(
                        "a tensor twice",
                        Reason.INVALID_PICKLE,
                        () -> tar(
                                        object(TENSOR),
                                        joined(count(2), rightTensor(), rightTensor()),
                                        storages(rightStorage()))
                                .build()),
                of(
                        "tensors without end",
                        Reason.INVALID_PICKLE,
                        () -> tar(object(TENSOR), joined(count(1L << 40), rightTensor()), storages(rightStorage()))
                                .build()),
                of(
                        "a tensor without sizes",
                        Reason.INVALID_PICKLE,
                        () -> withTensor(tensor(STORAGE, ByteOrder.LITTLE_ENDIAN, 2, 2))),
                of(
                        "a tensor of 2^31 dimensions",
                        Reason.OVER_LIMIT,
                        () -> withTensor(tensor(STORAGE, ByteOrder.LITTLE_ENDIAN, Integer.MAX_VALUE, 2))),
                of(
                        "a tensor of -1 dimensions",
                        Reason.OVER_LIMIT,
                        () -> withTensor(tensor(STORAGE, ByteOrder.LITTLE_ENDIAN, -1, 2))),
                of(
                        "a negative size",
                        Reason.TENSOR_BOUNDS,
                        () -> withTensor(tensor(STORAGE, ByteOrder.LITTLE_ENDIAN, 1, -2, 1, 0))),
                of(
                        "a negative stride",
                        Reason.TENSOR_BOUNDS,
                        () -> withTensor(tensor(STORAGE, ByteOrder.LITTLE_ENDIAN, 1, 2, -1, 1))),
                of(
                        "a negative offset",
                        Reason.TENSOR_BOUNDS,
                        () -> withTensor(tensor(STORAGE, ByteOrder.LITTLE_ENDIAN, 1, 2, 1, -1))),
                of(
                        "a tensor beyond its storage",
                        Reason.TENSOR_BOUNDS,
                        () -> withTensor(tensor(STORAGE, ByteOrder.LITTLE_ENDIAN, 1, 5, 1, 0))),
                of(
                        "a tensor of 2^126 elements",
                        Reason.TENSOR_BOUNDS,
                        () -> withTensor(tensor(STORAGE, ByteOrder.LITTLE_ENDIAN, 2, 1L << 62, 1L << 62, 0, 0, 0))));
    }

    private static TensorIndex read(byte[] file, PickleScan scan) throws Exception {
        return read(file, file.length, scan);
    }

    private static TensorIndex read(byte[] file, int inHand, PickleScan scan) throws Exception {
        FakeFile object = FakeFile.of(file);
        byte[] head = object.head(inHand);
        assertThat(Container.of(head, head.length)).isEqualTo(Container.TORCH_TAR);
        return TorchReader.read(Container.TORCH_TAR, object, head, head.length, scan);
    }

    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource("refused")
    void isRefusedWithItsCode(String what, Reason reason, Supplier<byte[]> file) {
        byte[] bytes = file.get();
        MalformedTensorFileException refusal =
                catchThrowableOfType(MalformedTensorFileException.class, () -> read(bytes, new PickleScan()));
        MalformedTensorFileException byRanges =
                catchThrowableOfType(MalformedTensorFileException.class, () -> read(bytes, 2048, new PickleScan()));

        assertThat(refusal).as(what).isNotNull();
        assertThat(refusal.reason()).as(refusal.getMessage()).isEqualTo(reason);
        assertThat(refusal.getMessage()).hasSizeLessThan(1_000).isEqualTo(byRanges.getMessage());
    }

    @Test
    void aRightArchiveIsRead() throws Exception {
        byte[] file = right().build();
        TensorIndex index = read(file, new PickleScan());

        long begin = file.length - 1024 - 512 + count(1).length + storageHead(STORAGE, "FloatStorage").length + 8;
        assertThat(index.tensors()).containsExactly(new TensorInfo("a", Dtype.F32, Shape.of(2, 2), begin, begin + 16));
        assertThat(index.findings()).isEmpty();
    }

    @Test
    void anArchiveWithoutTheMarkOfTheEndIsWhole() throws Exception {
        assertThat(read(right().withoutEnd(), new PickleScan()).tensors()).hasSize(1);
    }

    @Test
    void paxHeadersBeforeMembersAreRead() throws Exception {
        byte[] storages = storages(rightStorage());
        byte[] file = new TarBuilder()
                .pax(TarBuilder.record("mtime", "1489000000.25"))
                .file("sys_info", machine(true))
                .pax(TarBuilder.record("path", "pickle"))
                .file("something", object(TENSOR))
                .file("tensors", tensors(rightTensor()))
                .pax(TarBuilder.record("size", String.valueOf(storages.length)))
                .member("storages", '0', "0", storages)
                .build();

        assertThat(read(file, new PickleScan()).tensors()).hasSize(1);
    }

    @Test
    void aViewOfAStorageLiesWithinIt() throws Exception {
        TensorInfo whole = read(right().build(), new PickleScan()).tensors().get(0);
        TensorInfo view = read(withView(2, 2), new PickleScan()).tensors().get(0);

        assertThat(view.shape()).isEqualTo(Shape.of(2));
        assertThat(view.bytes()).isEqualTo(8);
        assertThat(view.begin() % 512).isEqualTo(whole.begin() % 512 + 8);
    }

    @Test
    void aTensorWithoutElementsHasNoStorageAndIsNamed() throws Exception {
        byte[] none = joined(
                pkl().op('(')
                        .number(TENSOR)
                        .op('N')
                        .global("torch", "FloatTensor")
                        .op('t', '.')
                        .bytes(),
                numbers(ByteOrder.LITTLE_ENDIAN, 0, 0));
        TensorIndex index = read(withTensor(none), new PickleScan());

        assertThat(index.tensors()).isEmpty();
        assertThat(index.findings())
                .extracting(Finding::code)
                .containsExactly(Finding.Code.NOT_A_PLAIN_TENSOR, Finding.Code.NO_TENSORS);
    }

    @Test
    void anArchiveOfABigEndianMachineTellsShapesAndNoPlaces() throws Exception {
        byte[] file = new TarBuilder()
                .file("sys_info", machine(false))
                .file("pickle", object(TENSOR))
                .file("tensors", tensors(tensor(STORAGE, ByteOrder.BIG_ENDIAN, 2, 1, 4, 4, 1, 0)))
                .file("storages", storages(storage(STORAGE, ByteOrder.BIG_ENDIAN, 4, FOUR_FLOATS)))
                .build();
        TensorIndex index = read(file, new PickleScan());

        assertThat(index.tensors())
                .containsExactly(
                        new TensorInfo("a", Dtype.F32, Shape.of(1, 4), TensorInfo.NOWHERE, TensorInfo.NOWHERE));
        assertThat(index.findings())
                .containsExactly(new Finding(
                        Finding.Code.BYTE_ORDER, "values are not read: the file says that its byte order is 'big'"));
    }

    @Test
    void whatIsAskedForByAnythingButATextIsNoTensor() throws Exception {
        PickleBuilder pickle = pkl().op('}').text("a").op('N');
        for (int i = 0; i < 100_000; i++) {
            pickle.op(0x85); // each a tuple of the one before: too deep to be compared
        }
        byte[] object = pickle.op('Q', 's', '.').bytes();

        assertThat(read(
                                tar(object, tensors(rightTensor()), storages(rightStorage()))
                                        .build(),
                                new PickleScan())
                        .tensors())
                .isEmpty();
    }

    @Test
    void whatItsPicklesWouldImportIsToldThoughItIsRefused() {
        PickleScan scan = new PickleScan();
        byte[] shell = pkl().op("cposix\nsystem\n").op('.').bytes();
        byte[] file = tar(shell, tensors(rightTensor()), new byte[0]).build();

        assertThat(catchThrowableOfType(MalformedTensorFileException.class, () -> read(file, scan)))
                .isNotNull();
        assertThat(scan.denied()).containsExactly("posix.system");
    }

    @Test
    void storagesAreReadByTheirBeginningsOnly() throws Exception {
        int floats = 3 << 20;
        byte[][] storages = new byte[5][];
        for (int i = 0; i < 4; i++) {
            storages[i + 1] = storage(STORAGE + i, ByteOrder.LITTLE_ENDIAN, floats, new byte[floats * 4]);
        }
        storages[0] = count(4);
        byte[] file = tar(object(TENSOR), tensors(rightTensor()), joined(joined(storages), NO_VIEWS))
                .build();
        FakeFile object = FakeFile.of(file);
        byte[] head = object.head(2048);
        TorchReader.read(Container.TORCH_TAR, object, head, head.length, new PickleScan());

        assertThat(object.requests()).isLessThanOrEqualTo(8);
        assertThat(object.bytesRead()).isLessThan(600_000);
    }

    @Test
    void anArchiveThatWouldTakeTooManyRequestsIsGivenUp() {
        long large = 1L << 20;
        byte[] storage = storage(STORAGE, ByteOrder.LITTLE_ENDIAN, large / 4, new byte[0]);
        int each = (int) (storage.length + large);
        int count = 1100;
        byte[] start = tar(object(TENSOR), tensors(rightTensor()), count(count)).withoutEnd();
        int begin = start.length - 512 + count(count).length;
        long length = begin + (long) each * count;
        byte[] head = Arrays.copyOf(start, 4096);
        TarBuilder header = new TarBuilder()
                .member("storages", '0', Long.toOctalString(length - (start.length - 512)), new byte[0]);
        System.arraycopy(header.withoutEnd(), 0, head, start.length - 1024, 512);
        FakeFile file = FakeFile.of(length, position -> {
            if (position < begin) {
                return head[(int) position] & 0xff;
            }
            int within = (int) ((position - begin) % each);
            int number = (int) ((position - begin) / each);
            if (within == 5 || within == 6) { // of the number, its lowest bytes
                return number >> (within - 5) * 8 & 0xff;
            }
            return within >= storage.length ? 0 : storage[within] & 0xff;
        });
        MalformedTensorFileException refusal = catchThrowableOfType(
                MalformedTensorFileException.class,
                () -> TorchReader.read(Container.TORCH_TAR, file, file.head(2048), 2048, new PickleScan()));

        assertThat(refusal.reason()).as(refusal.getMessage()).isEqualTo(Reason.OVER_LIMIT);
    }
}

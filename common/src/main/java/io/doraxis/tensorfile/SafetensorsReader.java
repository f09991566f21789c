package io.doraxis.tensorfile;

import static io.doraxis.tensorfile.Reason.BODY_TRUNCATED;
import static io.doraxis.tensorfile.Reason.EMPTY_OBJECT;
import static io.doraxis.tensorfile.Reason.HEADER_TOO_LARGE;
import static io.doraxis.tensorfile.Reason.HEADER_TRUNCATED;
import static io.doraxis.tensorfile.Reason.SHAPE_OVERFLOW;
import static io.doraxis.tensorfile.Reason.SIZE_MISMATCH;
import static io.doraxis.tensorfile.Reason.SUB_BYTE_MISALIGNED;
import static io.doraxis.tensorfile.Reason.TENSOR_OFFSETS;
import static io.doraxis.tensorfile.Reason.TOO_SMALL;
import static io.doraxis.tensorfile.Reason.TRAILING_BYTES;

import java.io.IOException;
import java.util.Comparator;
import java.util.List;

/**
 * Reads the header of a safetensors file, and nothing of its data.
 *
 * <pre>
 *   bytes 0..7     u64 little-endian N, at most 100,000,000
 *   bytes 8..8+N   UTF-8 JSON: name -> {dtype, shape, data_offsets}, plus an optional __metadata__
 *   the rest       tensor data; data_offsets count from byte 8+N and tile it without a hole
 * </pre>
 *
 * Accepts and rejects what safetensors 0.8.0 does (its {@code tensor.rs}: {@code read_metadata}, {@code
 * Metadata::new}), and in the same order, but for one case: a dtype that is not known is reported as such.
 */
public final class SafetensorsReader {
    /** What is no tensor among a header's names. */
    public static final String METADATA = "__metadata__";

    /** Bytes of the length before the header. */
    public static final int LENGTH_BYTES = 8;

    /** Of one checkpoint: several times those of the largest model there is, as each costs memory. */
    public static final int MAX_TENSORS = 250_000;

    private static final long MAX_HEADER_BYTES = 100_000_000;
    private static final Comparator<TensorInfo> BY_OFFSET = (a, b) -> {
        int byBegin = Long.compareUnsigned(a.begin(), b.begin());
        return byBegin != 0 ? byBegin : Long.compareUnsigned(a.end(), b.end());
    };

    private SafetensorsReader() {}

    /**
     * Reads the header. The first bytes come from the caller, who fetched them anyway; a header that is longer is
     * streamed from {@code file} in one more request, through a small window.
     *
     * @param head first bytes of the object; at least 8, or all of a shorter object
     * @param headLength how many of them there are
     * @throws MalformedTensorFileException if the bytes break the format
     * @throws IOException if the store fails
     */
    public static TensorIndex read(RangeReader file, byte[] head, int headLength)
            throws MalformedTensorFileException, IOException {
        long length = file.length();
        if (length == 0) {
            throw new MalformedTensorFileException(EMPTY_OBJECT, 0, "0 bytes", "a tensor file");
        }
        if (length < LENGTH_BYTES) {
            throw new MalformedTensorFileException(
                    TOO_SMALL, 0, length + " bytes", "8 bytes with the length of the header");
        }
        long headerBytes = EightBytes.at(head, 0);
        boolean tooLarge = headerBytes < 0 || headerBytes > MAX_HEADER_BYTES;
        if (tooLarge || Container.of(head, headLength) != Container.SAFETENSORS) {
            throw notSafetensors(head, headLength, headerBytes);
        }
        long dataStart = LENGTH_BYTES + headerBytes;
        if (dataStart > length) {
            throw new MalformedTensorFileException(
                    HEADER_TRUNCATED,
                    0,
                    "a header up to byte " + dataStart,
                    "it within the file's " + length + " bytes");
        }
        int available = (int) Math.min(headLength, dataStart);
        try (HeaderWindow window = new HeaderWindow(head, LENGTH_BYTES, available, dataStart, file)) {
            HeaderParser parser = new HeaderParser(window, dataStart);
            parser.parse();
            List<TensorInfo> tensors = parser.tensors();
            if (!parser.areInOrder()) {
                tensors.sort(BY_OFFSET);
            }
            checkTiling(tensors, dataStart, length);
            return new TensorIndex(tensors, parser.metadata(), dataStart, parser.findings());
        }
    }

    /** Where the header ends in a file that starts with these bytes, eight at least; 0 where they tell no length. */
    public static long headerEnd(byte[] head) {
        long headerBytes = EightBytes.at(head, 0);
        return headerBytes < 0 || headerBytes > MAX_HEADER_BYTES ? 0 : LENGTH_BYTES + headerBytes;
    }

    private static MalformedTensorFileException notSafetensors(byte[] head, int headLength, long headerBytes) {
        Container container = Container.of(head, headLength);
        return switch (container) {
            case GIT_LFS_POINTER ->
                other(Reason.GIT_LFS_POINTER, "a git-lfs pointer", "the file that it points to: run 'git lfs pull'");
            case CACHE_LINK ->
                other(
                        Reason.CACHE_LINK,
                        "a link of a download cache, stored as a text",
                        "the blob that it leads to: copy the cache with links followed, or download again");
            case HTML -> other(Reason.HTML_PAGE, "an HTML or XML page", "a tensor file: download it again, signed in");
            case JSON -> other(Reason.JSON_DOCUMENT, "a JSON document", "a tensor file");
            case TEXT -> other(Reason.PLAIN_TEXT, "plain text", "a tensor file");
            case UNKNOWN, SAFETENSORS, EMPTY ->
                other(
                        HEADER_TOO_LARGE,
                        "a header of " + Long.toUnsignedString(headerBytes) + " bytes",
                        "at most " + MAX_HEADER_BYTES);
            case GGUF -> other(Reason.UNSUPPORTED_CONTAINER, GgufHeader.describe(head, headLength), "safetensors");
            default -> other(Reason.UNSUPPORTED_CONTAINER, container + " data", "safetensors");
        };
    }

    private static MalformedTensorFileException other(Reason reason, String found, String expected) {
        return new MalformedTensorFileException(reason, 0, found, expected);
    }

    /** The tensors, sorted, must follow each other from the first data byte to the last of the file. */
    private static void checkTiling(List<TensorInfo> tensors, long dataStart, long length)
            throws MalformedTensorFileException {
        long position = dataStart;
        for (TensorInfo tensor : tensors) {
            if (tensor.begin() != position || Long.compareUnsigned(tensor.end(), tensor.begin()) < 0) {
                throw new MalformedTensorFileException(
                        TENSOR_OFFSETS,
                        position,
                        "'%s' from %s to %s"
                                .formatted(
                                        Printable.name(tensor.name()),
                                        relative(tensor.begin(), dataStart),
                                        relative(tensor.end(), dataStart)),
                        "a tensor that starts at " + relative(position, dataStart) + " of the data");
            }
            checkSize(tensor);
            position = tensor.end();
        }
        if (position != length) {
            boolean truncated = Long.compareUnsigned(position, length) > 0;
            throw new MalformedTensorFileException(
                    truncated ? BODY_TRUNCATED : TRAILING_BYTES,
                    truncated ? length : position,
                    "a file of " + length + " bytes",
                    "one of " + Long.toUnsignedString(position) + ", where its tensors end");
        }
    }

    private static void checkSize(TensorInfo tensor) throws MalformedTensorFileException {
        Shape shape = tensor.shape();
        long elements = 1;
        for (int i = 0; i < shape.rank(); i++) {
            elements = multiply(elements, shape.dim(i), tensor);
        }
        long bits = multiply(elements, tensor.dtype().bits(), tensor);
        if ((bits & 7) != 0) {
            throw new MalformedTensorFileException(
                    SUB_BYTE_MISALIGNED,
                    tensor.begin(),
                    "'%s' of %s %s".formatted(Printable.name(tensor.name()), shape, tensor.dtype()),
                    "whole bytes");
        }
        if (tensor.end() - tensor.begin() != bits >>> 3) {
            throw new MalformedTensorFileException(
                    SIZE_MISMATCH,
                    tensor.begin(),
                    "%s bytes for '%s'".formatted(Long.toUnsignedString(tensor.bytes()), Printable.name(tensor.name())),
                    "%s for %s of %s".formatted(Long.toUnsignedString(bits >>> 3), tensor.dtype(), shape));
        }
    }

    private static long multiply(long a, long b, TensorInfo tensor) throws MalformedTensorFileException {
        if ((a | b) >>> 31 != 0) {
            long high = Math.multiplyHigh(a, b) + ((a >> 63) & b) + ((b >> 63) & a);
            if (high != 0) {
                throw new MalformedTensorFileException(
                        SHAPE_OVERFLOW,
                        tensor.begin(),
                        "'%s' of %s".formatted(Printable.name(tensor.name()), tensor.shape()),
                        "a size that 64 bits can count");
            }
        }
        return a * b;
    }

    private static String relative(long absolute, long dataStart) {
        return Long.toUnsignedString(absolute - dataStart);
    }
}

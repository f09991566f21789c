package io.doraxis.tensorfile;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import java.util.regex.Pattern;

/** What kind of file some bytes are the beginning of, judged from the bytes and never from the name. */
public enum Container {
    SAFETENSORS,
    TORCH_ZIP,
    /** A zip archive of something else, or of what its first bytes do not tell. */
    ZIP,
    TORCH_LEGACY,
    /** Torch's files of before 0.1.10. */
    TORCH_TAR,
    PICKLE,
    GGUF,
    GGML,
    HDF5,
    NUMPY,
    GZIP,
    TAR,
    SEVEN_ZIP,
    ZSTD,
    XZ,
    BZIP2,
    RAR,
    ONNX,
    /** A SavedModel's graph. */
    TENSORFLOW,
    TFLITE,
    /** Flax' msgpack. */
    MSGPACK,
    GIT_LFS_POINTER,
    /** A link of a download cache, stored as a text. */
    CACHE_LINK,
    HTML,
    JSON,
    TEXT,
    EMPTY,
    UNKNOWN;

    /** Enough to recognise any of them: a tar archive's first name may stand behind two blocks of others. */
    public static final int SIGNATURE_BYTES = 2048;

    /** The number that torch's files began with before 1.6, as a pickle writes it. */
    private static final byte[] TORCH_LEGACY_MAGIC = {
        (byte) 0x8a, 0x0a, 0x6c, (byte) 0xfc, (byte) 0x9c, 0x46, (byte) 0xf9, 0x20, 0x6a
    };

    /** Before the name of a zip archive's entry. */
    private static final int ZIP_HEADER_BYTES = 30;

    private static final int FRAME = 0x95;
    private static final int FRAME_BYTES = 9;

    private static final int TAR_MAGIC_OFFSET = 257;

    private static final int MAX_LINK = 512;

    /** Enough of a text to tell what it is. */
    private static final int TEXT_BYTES = 512;

    /** Links of Hugging Face's cache lead to blobs by their SHA-1 or SHA-256. */
    private static final Pattern CACHED_BLOB =
            Pattern.compile("[^\\s<>{}\"]*[/\\\\]blobs[/\\\\](?:[0-9a-f]{40}|[0-9a-f]{64})\\s*");

    /** First bytes that a text has in ASCII: a header's length that is not one has a byte over 127 there. */
    private static final int ASCII_AT_LEAST = 16;

    /**
     * The container of these first bytes; {@link #UNKNOWN} where they could be anything. A safetensors file starts with
     * a length below 100,000,000, so its eighth byte is 0, which is never so for the others.
     *
     * @param head first bytes of the object, {@link #SIGNATURE_BYTES} of them or the whole of a shorter one
     */
    public static Container of(byte[] head, int length) {
        if (length == 0) {
            return EMPTY;
        }
        if (length >= 8 && head[7] == 0 && head[6] == 0 && head[5] == 0 && head[4] == 0) {
            boolean header = length == 8 || head[8] == '{' || Character.isWhitespace(head[8]);
            return header ? SAFETENSORS : signature(head, length).orElse(SAFETENSORS); // gzip, small pickles, tar
        }
        return signature(head, length).or(() -> text(head, length)).orElse(UNKNOWN);
    }

    private static Optional<Container> signature(byte[] head, int length) {
        if (startsWith(head, length, "PK\u0003\u0004")) {
            return Optional.of(isTorchZip(head, length) ? TORCH_ZIP : ZIP);
        }
        if (startsWith(head, length, "PK\u0005\u0006")) {
            return Optional.of(ZIP); // of no entry
        }
        if (length >= 2 && (head[0] & 0xff) == 0x80 && head[1] >= 2 && head[1] <= 5) {
            return Optional.of(isTorchLegacy(head, length) ? TORCH_LEGACY : PICKLE);
        }
        if (startsWith(head, length, "GGUF")) {
            return Optional.of(GGUF);
        }
        if (startsWith(head, length, "lmgg") || startsWith(head, length, "tjgg")) {
            return Optional.of(GGML);
        }
        if (startsWith(head, length, new byte[] {(byte) 0x89, 'H', 'D', 'F'})) {
            return Optional.of(HDF5);
        }
        if (startsWith(head, length, new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'})) {
            return Optional.of(NUMPY);
        }
        if (startsWith(head, length, new byte[] {0x1f, (byte) 0x8b})) {
            return Optional.of(GZIP);
        }
        if (startsWith(head, length, new byte[] {'7', 'z', (byte) 0xbc, (byte) 0xaf})) {
            return Optional.of(SEVEN_ZIP);
        }
        if (startsWith(head, length, new byte[] {0x28, (byte) 0xb5, 0x2f, (byte) 0xfd})) {
            return Optional.of(ZSTD);
        }
        if (startsWith(head, length, new byte[] {(byte) 0xfd, '7', 'z', 'X', 'Z', 0})) {
            return Optional.of(XZ);
        }
        if (startsWith(head, length, "BZh") && length > 3 && head[3] >= '1' && head[3] <= '9') {
            return Optional.of(BZIP2);
        }
        if (startsWith(head, length, "Rar!\u001a\u0007")) {
            return Optional.of(RAR);
        }
        if (length >= 8 && new String(head, 4, 4, StandardCharsets.ISO_8859_1).equals("TFL3")) {
            return Optional.of(TFLITE);
        }
        if (length >= TAR_MAGIC_OFFSET + 5
                && new String(head, TAR_MAGIC_OFFSET, 5, StandardCharsets.ISO_8859_1).equals("ustar")) {
            return Optional.of(TorchTar.MEMBERS.contains(TarArchive.firstName(head, length)) ? TORCH_TAR : TAR);
        }
        return serialised(head, length);
    }

    /** Formats without a magic number, told by how their writers begin. */
    private static Optional<Container> serialised(byte[] head, int length) {
        if (length < 8) {
            return Optional.empty();
        }
        int first = head[0] & 0xff;
        if (first == 0x08 && head[1] == 1 && head[2] == 0x12 && looksLikeMetaGraph(head, length)) {
            return Optional.of(TENSORFLOW);
        }
        boolean producer = first == 0x08 && head[1] >= 3 && head[1] <= 20 && head[2] == 0x12 && head[3] > 0;
        if (producer && isLetters(head, 4, Math.min(length, 4 + Math.min(head[3], 8)))) { // ir_version, producer_name
            return Optional.of(ONNX);
        }
        int entry = (first & 0xf0) == 0x80 ? 1 : first == 0xde ? 3 : first == 0xdf ? 5 : length;
        if (entry < length - 2 && (head[entry] & 0xe0) == 0xa0) { // a map whose first key is a short text
            int letters = Math.min(head[entry] & 0x1f, 8);
            if (letters > 0 && isLetters(head, entry + 1, Math.min(length, entry + 1 + letters))) {
                return Optional.of(MSGPACK);
            }
        }
        return Optional.empty();
    }

    /** saved_model_schema_version 1, then a meta graph: a length of several bytes, then its meta_info_def. */
    private static boolean looksLikeMetaGraph(byte[] head, int length) {
        int at = 3;
        while (at < Math.min(length - 1, 13) && head[at] < 0) {
            at++;
        }
        return at + 1 < length && head[at + 1] == 0x0a;
    }

    private static boolean isLetters(byte[] head, int from, int to) {
        for (int i = from; i < to; i++) {
            if (head[i] < '-' || head[i] > 'z') {
                return false;
            }
        }
        return to > from;
    }

    /** Torch writes the pickle first, as {@code root/data.pkl}; newer versions a few small entries before it. */
    private static boolean isTorchZip(byte[] head, int length) {
        if (length <= ZIP_HEADER_BYTES) {
            return false;
        }
        int nameLength = Math.min(head[26] & 0xff | (head[27] & 0xff) << 8, length - ZIP_HEADER_BYTES);
        String name = new String(head, ZIP_HEADER_BYTES, nameLength, StandardCharsets.UTF_8);
        int slash = name.indexOf('/');
        return slash > 0 && (name.endsWith("/data.pkl") || name.startsWith("/.", slash) || name.endsWith("/version"));
    }

    private static boolean isTorchLegacy(byte[] head, int length) {
        int at = length > 2 && (head[2] & 0xff) == FRAME ? 2 + FRAME_BYTES : 2;
        int end = at + TORCH_LEGACY_MAGIC.length;
        return length >= end && Arrays.equals(head, at, end, TORCH_LEGACY_MAGIC, 0, TORCH_LEGACY_MAGIC.length);
    }

    private static Optional<Container> text(byte[] head, int length) {
        int start = 0;
        for (int i = 0; i < Math.min(length, TEXT_BYTES); i++) {
            int b = head[i];
            boolean ascii = b >= 0 || i >= ASCII_AT_LEAST;
            if (!ascii || (b >= 0 && b < ' ' && b != '\n' && b != '\r' && b != '\t')) {
                return Optional.empty();
            }
            if (start == i && b <= ' ' && b >= 0) {
                start++;
            }
        }
        String text = new String(head, start, Math.min(length, TEXT_BYTES) - start, StandardCharsets.ISO_8859_1);
        if (text.startsWith("version https://git-lfs.github.com/spec/")) {
            return Optional.of(GIT_LFS_POINTER);
        }
        if (length <= MAX_LINK && CACHED_BLOB.matcher(text).matches()) {
            return Optional.of(CACHE_LINK);
        }
        if (text.startsWith("<")) {
            return Optional.of(HTML);
        }
        return Optional.of(text.startsWith("{") || text.startsWith("[") ? JSON : TEXT);
    }

    private static boolean startsWith(byte[] head, int length, String magic) {
        return startsWith(head, length, magic.getBytes(StandardCharsets.ISO_8859_1));
    }

    private static boolean startsWith(byte[] head, int length, byte[] magic) {
        return length >= magic.length && Arrays.equals(head, 0, magic.length, magic, 0, magic.length);
    }
}

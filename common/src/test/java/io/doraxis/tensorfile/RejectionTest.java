package io.doraxis.tensorfile;

import static io.doraxis.fixtures.Headers.entry;
import static io.doraxis.fixtures.Headers.file;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.doraxis.fixtures.FakeFile;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** One file for each reason that the reader gives, with the whole message. */
class RejectionTest {
    @Test
    void anObjectOfNoBytes() {
        rejects(new byte[0], "EMPTY_OBJECT at byte 0: found 0 bytes, expected a tensor file");
    }

    @Test
    void anObjectShorterThanTheLengthOfTheHeader() {
        rejects(
                "{}\n".getBytes(StandardCharsets.US_ASCII),
                "TOO_SMALL at byte 0: found 3 bytes, expected 8 bytes with the length of the header");
    }

    @Test
    void aGitLfsPointer() {
        rejectsText(
                "version https://git-lfs.github.com/spec/v1\noid sha256:4665d5\nsize 12345\n",
                "GIT_LFS_POINTER at byte 0: found a git-lfs pointer, expected the file that it points to: run 'git lfs"
                        + " pull'");
    }

    @Test
    void anHtmlPage() {
        rejectsText(
                "<!DOCTYPE html><html><body>Sign in</body></html>",
                "HTML_PAGE at byte 0: found an HTML or XML page, expected a tensor file: download it again, signed in");
    }

    @Test
    void aJsonDocument() {
        rejectsText(
                " {\"error\":\"Access to model x is restricted\"}",
                "JSON_DOCUMENT at byte 0: found a JSON document, expected a tensor file");
    }

    @Test
    void plainText() {
        rejectsText("Entry not found", "PLAIN_TEXT at byte 0: found plain text, expected a tensor file");
    }

    @Test
    void aContainerThatThisVersionDoesNotRead() {
        rejectsText(
                "PK\u0003\u0004 and the rest of a zip",
                "UNSUPPORTED_CONTAINER at byte 0: found ZIP data, expected safetensors");
        rejectsText(
                "\u001f\u008b\b\0\0\0\0\0\0\u00ff and the rest of a gzip",
                "UNSUPPORTED_CONTAINER at byte 0: found GZIP data, expected safetensors");
        rejectsText(
                "GGUF and the rest of a model",
                "UNSUPPORTED_CONTAINER at byte 0: found a GGUF model, expected safetensors");
    }

    @Test
    void aHeaderOfMoreThanAHundredMegabytes() {
        byte[] bytes = new byte[64];
        System.arraycopy(new byte[] {1, (byte) 0xe1, (byte) 0xf5, 5}, 0, bytes, 0, 4); // 100,000,001
        rejects(bytes, "HEADER_TOO_LARGE at byte 0: found a header of 100000001 bytes, expected at most 100000000");
        java.util.Arrays.fill(bytes, (byte) 0xff);
        rejects(
                bytes,
                "HEADER_TOO_LARGE at byte 0: found a header of 18446744073709551615 bytes, expected at most 100000000");
    }

    @Test
    void aHeaderBeyondTheEndOfTheFile() {
        byte[] bytes = new byte[64];
        System.arraycopy(new byte[] {0, (byte) 0xe1, (byte) 0xf5, 5}, 0, bytes, 0, 4); // 100,000,000
        rejects(
                bytes,
                "HEADER_TRUNCATED at byte 0: found a header up to byte 100000008, expected it within the file's 64"
                        + " bytes");
    }

    @Test
    void tensorsThatDoNotFollowEachOther() {
        String hole = entry("\"U8\"", "[1]", "[0,1]")
                .replace("}}", "},\"b\":{\"dtype\":\"U8\",\"shape\":[1]," + "\"data_offsets\":[2,3]}}");
        rejects(
                file(hole, 3),
                "TENSOR_OFFSETS at byte " + (hole.length() + 9)
                        + ": found 'b' from 2 to 3, expected a tensor that starts at 1 of the data");
        String reversed = entry("\"U8\"", "[1]", "[0,0]").replace("[0,0]", "[1,0]");
        rejects(
                file(reversed, 1),
                "TENSOR_OFFSETS at byte " + (reversed.length() + 8)
                        + ": found 'a' from 1 to 0, expected a tensor that starts at 0 of the data");
    }

    @Test
    void moreElementsThan64BitsCount() {
        String header = entry("\"U8\"", "[4294967296,4294967296,0]", "[0,0]");
        rejects(
                file(header, 0),
                "SHAPE_OVERFLOW at byte " + (header.length() + 8)
                        + ": found 'a' of [4294967296, 4294967296, 0], expected a size that 64 bits can count");
    }

    @Test
    void subByteElementsThatDoNotFillTheirLastByte() {
        String header = entry("\"F4\"", "[3]", "[0,2]");
        rejects(
                file(header, 2),
                "SUB_BYTE_MISALIGNED at byte " + (header.length() + 8) + ": found 'a' of [3] F4, expected whole bytes");
    }

    @Test
    void offsetsThatSpanAnotherNumberOfBytes() {
        String header = entry("\"F32\"", "[2,3]", "[0,20]");
        rejects(
                file(header, 20),
                "SIZE_MISMATCH at byte " + (header.length() + 8)
                        + ": found 20 bytes for 'a', expected 24 for F32 of [2, 3]");
    }

    @Test
    void aFileThatEndsBeforeItsTensors() {
        rejects(
                file(entry("\"F32\"", "[2]", "[0,8]"), 4),
                "BODY_TRUNCATED at byte 66: found a file of 66 bytes, expected one of 70, where its tensors end");
    }

    @Test
    void bytesAfterTheLastTensor() {
        rejects(
                file(entry("\"F32\"", "[2]", "[0,8]"), 9),
                "TRAILING_BYTES at byte 70: found a file of 71 bytes, expected one of 70, where its tensors end");
    }

    @Test
    void aLongNameIsCutInTheMessage() {
        String header = entry("\"U8\"", "[1]", "[1,2]").replace("\"a\"", "\"" + "n".repeat(500) + "\"");
        rejects(
                file(header, 2),
                "TENSOR_OFFSETS at byte " + (header.length() + 8) + ": found '" + "n".repeat(117)
                        + "...' from 1 to 2, expected a tensor that starts at 0 of the data");
    }

    private static void rejectsText(String text, String message) {
        rejects(text.getBytes(StandardCharsets.ISO_8859_1), message);
    }

    private static void rejects(byte[] bytes, String message) {
        assertThatThrownBy(() -> SafetensorsReader.read(FakeFile.of(bytes), bytes, bytes.length))
                .isInstanceOf(MalformedTensorFileException.class)
                .hasMessage(message);
    }
}

package io.doraxis.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.doraxis.fixtures.FakeFile;
import io.doraxis.fixtures.Headers;
import io.doraxis.fixtures.Resources;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** However few bytes the first request brings, the verdict is the same: the rest is streamed. */
class StreamingWindowTest {
    private static final int CHUNK = 1 << 16;

    static Stream<String> files() {
        return Stream.concat(
                Resources.names("malformed/files").stream().map(name -> "malformed/files/" + name),
                Stream.of("locon_dora_in", "lokr_tucker_dora_out", "extra_unknown_keys")
                        .map(name -> "golden/" + name + "/adapter.safetensors"));
    }

    @ParameterizedTest
    @MethodSource("files")
    void theSizeOfTheFirstReadChangesNothing(String name) throws Exception {
        byte[] bytes = Resources.bytes(name);
        Object whole = outcome(bytes, Math.max(8, bytes.length));
        for (int head : List.of(8, 9, 64)) {
            assertThat(outcome(bytes, head)).as("first read of %d bytes", head).isEqualTo(whole);
        }
    }

    /** The window slides every 64 KiB; the pattern of 41 bytes brings each of its bytes to the edge. */
    @Test
    void textsAreTakenWholeWhereverTheWindowEnds() throws Exception {
        String pattern = "ab\\n\\u00e9\\ud83d\\ude00\u00e9\u20ac\ud83d\ude00\\\"\\\\z";
        StringBuilder header = new StringBuilder("{");
        for (int i = 0; header.length() < CHUNK + 200; i++) {
            header.append("\"%d%s\" : {\"dtype\":\"U8\", \"shape\":[1 ],\"x\":[-1.5e3,true,{\"%s\":null}],"
                    .formatted(i, pattern, pattern));
            header.append("\"data_offsets\":[%d,%d]},\n".formatted(i, i + 1));
        }
        int tensors = header.toString().split("\n").length;
        header.setLength(header.length() - 2);
        byte[] bytes = Headers.file(header.append('}').toString().getBytes(StandardCharsets.UTF_8), tensors);
        Object whole = outcome(bytes, bytes.length);
        assertThat(((TensorIndex) whole).tensors()).hasSize(tensors);
        assertThat(((TensorIndex) whole).tensors().get(0).name())
                .isEqualTo("0ab\n\u00e9\ud83d\ude00\u00e9\u20ac\ud83d\ude00\"\\z");
        for (int head = 8; head < 320; head++) {
            assertThat(outcome(bytes, head)).as("first read of %d bytes", head).isEqualTo(whole);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 9, 64, 1000, CHUNK, CHUNK + 1, 3 * CHUNK})
    void aMetadataTextIsKeptUpToItsLimitAndDroppedAboveIt(int head) throws Exception {
        String kept = "x".repeat(4096);
        String dropped = "y".repeat(4097);
        String claims = "z".repeat(200_000);
        byte[] bytes = Headers.file(
                "{\"__metadata__\":{\"a\":\"%s\",\"b\":\"%s\",\"ss_network_args\":\"%s\",\"c\":\"\"}}"
                        .formatted(kept, dropped, claims),
                0);
        TensorIndex index = (TensorIndex) outcome(bytes, head);
        assertThat(index.metadata())
                .containsEntry("a", kept)
                .containsEntry("ss_network_args", claims)
                .containsEntry("c", "")
                .doesNotContainKey("b");
    }

    @Test
    void aHeaderInHandCostsNoFurtherRequest() throws Exception {
        FakeFile file = FakeFile.of(Resources.bytes("golden/locon_dora_in/adapter.safetensors"));
        SafetensorsReader.read(file, file.head(1 << 20), (int) file.length());
        assertThat(file.requests()).isZero();
    }

    @Test
    void aLongerHeaderCostsOneRequestThatEndsWithIt() throws Exception {
        FakeFile file = FakeFile.of(Resources.bytes("golden/locon_dora_in/adapter.safetensors"));
        TensorIndex index = SafetensorsReader.read(file, file.head(64), 64);
        assertThat(file.requests()).isEqualTo(1);
        assertThat(file.bytesRead()).isEqualTo(index.dataStart() - 64);
    }

    @Test
    void aBodyShorterThanListedIsTheStoresFault() {
        FakeFile file = FakeFile.of(Resources.bytes("golden/locon_dora_in/adapter.safetensors"))
                .endingEarlyAt(1000);
        long headerEnd = 8 + (file.head(8)[0] & 0xff | (file.head(8)[1] & 0xff) << 8);
        assertThatThrownBy(() -> SafetensorsReader.read(file, file.head(64), 64))
                .isInstanceOf(StoreException.class)
                .hasMessage(
                        "s3a://hub/a.safetensors: SHORT_BODY at byte 1000: found the end of the body, expected byte "
                                + headerEnd);
    }

    private static Object outcome(byte[] bytes, int headSize) throws IOException {
        FakeFile file = FakeFile.of(bytes);
        byte[] head = file.head(headSize);
        try {
            return SafetensorsReader.read(file, head, head.length);
        } catch (MalformedTensorFileException e) {
            return e.getMessage();
        }
    }
}

package io.doraxis.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** What is said of a GGUF file, byte by byte as llama.cpp writes it. */
class GgufHeaderTest {
    private static final int UINT32 = 4;
    private static final int STRING = 8;
    private static final int ARRAY = 9;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    private GgufHeaderTest number(int bytes, long value) {
        out.write(
                ByteBuffer.allocate(8)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(value)
                        .array(),
                0,
                bytes);
        return this;
    }

    private GgufHeaderTest text(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        number(8, bytes.length);
        out.writeBytes(bytes);
        return this;
    }

    private GgufHeaderTest begin(long tensors, long pairs) {
        out.writeBytes("GGUF".getBytes(StandardCharsets.US_ASCII));
        return number(4, 3).number(8, tensors).number(8, pairs);
    }

    private String described() {
        return GgufHeader.describe(out.toByteArray(), out.size());
    }

    @Test
    void aModelIsNamedByItsArchitecture() {
        begin(291, 3)
                .text("llama.block_count")
                .number(4, UINT32)
                .number(4, 32)
                .text("tokenizer.scores")
                .number(4, ARRAY)
                .number(4, UINT32)
                .number(8, 2)
                .number(8, 7)
                .text("general.architecture")
                .number(4, STRING)
                .text("llama");

        assertThat(described()).isEqualTo("a GGUF model of llama, 291 tensors");
    }

    @Test
    void aLoraIsCalledOne() {
        begin(448, 3)
                .text("general.architecture")
                .number(4, STRING)
                .text("llama")
                .text("general.type")
                .number(4, STRING)
                .text("adapter")
                .text("adapter.type")
                .number(4, STRING)
                .text("lora");

        assertThat(described()).isEqualTo("a GGUF LoRA adapter of llama, 448 tensors");
    }

    @Test
    void everyCutAndEveryLieIsDescribedToo() {
        begin(5, Long.MAX_VALUE)
                .text("general.architecture")
                .number(4, STRING)
                .text("llama")
                .text("x")
                .number(4, ARRAY)
                .number(4, UINT32)
                .number(8, Long.MAX_VALUE / 2)
                .number(8, Long.MAX_VALUE);
        byte[] bytes = out.toByteArray();
        for (int length = 8; length <= bytes.length; length++) {
            assertThat(GgufHeader.describe(Arrays.copyOf(bytes, length), length))
                    .startsWith("a GGUF model");
        }
        for (int at = 8; at < bytes.length; at++) {
            byte[] lie = bytes.clone();
            lie[at] = (byte) 0xff;
            assertThat(GgufHeader.describe(lie, lie.length)).startsWith("a GGUF");
        }
    }
}

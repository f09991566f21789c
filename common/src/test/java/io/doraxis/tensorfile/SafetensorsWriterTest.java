package io.doraxis.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SafetensorsWriterTest {
    @Test
    void writesTheLengthThePaddedHeaderAndTheData() throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        SafetensorsWriter.write(
                out,
                List.of(
                        new Tensor("half", Dtype.F16, Shape.of(1), new byte[] {0, 0x3c}),
                        Tensor.ofFloats("b", Shape.of(), 1),
                        Tensor.ofFloats("a", Shape.of(2, 1), 2, -2)),
                Map.of("format", "pt"));
        String header = "{\"__metadata__\":{\"format\":\"pt\"},"
                + "\"a\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]},"
                + "\"b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[8,12]},"
                + "\"half\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[12,14]}}";
        String padded = header + " ".repeat((8 - header.length() % 8) % 8);
        byte[] bytes = out.toByteArray();
        assertThat(new String(bytes, 8, padded.length(), StandardCharsets.UTF_8))
                .isEqualTo(padded);
        assertThat(bytes).startsWith(padded.length(), 0, 0, 0, 0, 0, 0, 0);
        assertThat(java.util.Arrays.copyOfRange(bytes, 8 + padded.length(), bytes.length))
                .containsExactly(0, 0, 0, 0x40, 0, 0, 0, 0xc0, 0, 0, 0x80, 0x3f, 0, 0x3c);
    }

    @Test
    void aFileOfNoTensorsIsEightBytesOfHeader() throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        SafetensorsWriter.write(out, List.of(), Map.of());
        assertThat(out.toByteArray()).containsExactly(8, 0, 0, 0, 0, 0, 0, 0, '{', '}', ' ', ' ', ' ', ' ', ' ', ' ');
    }
}

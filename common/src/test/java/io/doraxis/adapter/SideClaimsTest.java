package io.doraxis.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SideClaimsTest {
    private static Map<String, String> parse(String json) throws IOException {
        byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
        return SideClaims.parse(bytes, bytes.length);
    }

    @Test
    void civitaisFieldsAreKept() throws IOException {
        assertThat(parse("""
                {"id": 7, "baseModel": "SDXL 1.0", "trainedWords": ["a", {"baseModel": "no"}],
                 "model": {"name": "x", "type": "LORA", "stats": {"type": "no"}}, "files": [{"baseModel": "no"}]}"""))
                .containsExactly(
                        Map.entry("side_file.baseModel", "SDXL 1.0"), Map.entry("side_file.model.type", "LORA"));
    }

    @Test
    void a1111sFieldsAreKept() throws IOException {
        assertThat(parse("{\"description\": \"\", \"sd version\": \"SD1\", \"preferred weight\": 0.8}"))
                .containsExactly(Map.entry("side_file.sd version", "SD1"));
    }

    @Test
    void whatIsNoObjectIsRefused() {
        assertThatIOException().isThrownBy(() -> parse("[]")).withMessage("no JSON object");
        assertThatIOException().isThrownBy(() -> parse(""));
        assertThatIOException().isThrownBy(() -> parse("{\"baseModel\": \"a\""));
        assertThatIOException().isThrownBy(() -> parse("{\"a\": " + "[".repeat(5000)));
    }
}

package io.doraxis.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class NameTableTest {
    private final NameTable table = new NameTable(0);
    private final List<TensorInfo> tensors = new ArrayList<>();

    private int put(String name) {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        return put(NameTable.hash(bytes, 0, bytes.length), name);
    }

    private int put(long hash, String name) {
        int earlier = table.put(hash, name, tensors.size(), tensors);
        tensors.add(new TensorInfo(name, Dtype.F32, Shape.of(), 0, 0));
        return earlier;
    }

    @Test
    void everyNameIsFoundAgainWhereItStoodLastAsAMapWouldSay() {
        Random random = new Random(7);
        Map<String, Integer> expected = new HashMap<>();
        for (int i = 0; i < 20_000; i++) {
            String name =
                    "layer.".repeat(random.nextInt(4)) + random.nextInt(9_000) + "\u00e9".repeat(random.nextInt(2));
            Integer earlier = expected.put(name, i);
            assertThat(put(name)).isEqualTo(earlier == null ? -1 : earlier);
        }
    }

    @Test
    void namesOfOneHashAreToldApart() {
        assertThat(put(5, "a")).isEqualTo(-1);
        assertThat(put(5, "b")).isEqualTo(-1);
        assertThat(put(5, "b")).isEqualTo(1);
        assertThat(put(5, "a")).isZero();
    }

    @Test
    void theHashIsOfTheNamesOwnBytesAndOfAllOfThem() {
        byte[] bytes = "..lora_unet_down_blocks.alpha..".getBytes(StandardCharsets.UTF_8);
        byte[] alone = "lora_unet_down_blocks.alpha".getBytes(StandardCharsets.UTF_8);
        long hash = NameTable.hash(alone, 0, alone.length);
        assertThat(NameTable.hash(bytes, 2, bytes.length - 2)).isEqualTo(hash);
        for (int i = 0; i < alone.length; i++) {
            alone[i] ^= 1;
            assertThat(NameTable.hash(alone, 0, alone.length)).isNotEqualTo(hash);
            alone[i] ^= 1;
        }
    }
}

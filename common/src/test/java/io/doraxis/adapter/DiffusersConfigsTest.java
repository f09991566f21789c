package io.doraxis.adapter;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class DiffusersConfigsTest {
    private static final String CONFIGS = "{\"unet.r\": 4, \"unet.lora_alpha\": 8, \"unet.use_rslora\": false,"
            + " \"unet.alpha_pattern\": {\"b.second\": 2}, \"unet.rank_pattern\": {}, \"unet.target_modules\": [\"b.first\"],"
            + " \"text_encoder.r\": 4, \"text_encoder.lora_alpha\": 1.0}";

    private static Double scale(String module, String configs) {
        List<TensorInfo> tensors = List.of(
                new TensorInfo(module + ".lora_A.weight", Dtype.F32, Shape.of(4, 5), 0, 80),
                new TensorInfo(module + ".lora_B.weight", Dtype.F32, Shape.of(6, 4), 80, 176));
        TensorIndex file = new TensorIndex(tensors, Map.of("lora_adapter_metadata", configs), 0, List.of());
        return AdapterIndex.of(file, TensorData.NONE, null).modules().get(0).scale();
    }

    @Test
    void eachComponentHasItsOwn() {
        assertThat(scale("unet.b.first", CONFIGS)).isEqualTo(2);
        assertThat(scale("unet.b.second", CONFIGS)).isEqualTo(0.5);
        assertThat(scale("text_encoder.b.first", CONFIGS)).isEqualTo(0.25);
    }

    @Test
    void aComponentWithoutOneHasItsRankForAlpha() {
        assertThat(scale("transformer.b.first", CONFIGS)).isEqualTo(1);
    }

    @Test
    void whatCannotBeReadLeavesTheScaleOpen() {
        assertThat(scale("unet.b.first", CONFIGS.substring(0, 40))).isNull();
        assertThat(scale("unet.b.first", "[]")).isNull();
    }
}

package io.doraxis.peft;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.naming.Component;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Names of transformers 4 and 5 (run with 5.24.0, see transformers_naming.py of the interop suite). */
class TextEncoderNamesTest {
    private static final String V4_LAYER = "text_model.encoder.layers.0.mlp.fc1";
    private static final String V5_LAYER = "encoder.layers.0.mlp.fc1";

    /** With a projection in the second text encoder. */
    private static final BaseModel BASE = new BaseModel(new TensorIndex(
            List.of(
                    tensor("text_encoder." + V4_LAYER + ".weight"),
                    tensor("text_encoder_2." + V4_LAYER + ".weight"),
                    tensor("text_encoder_2.text_projection.weight")),
            Map.of(),
            0,
            List.of()));

    private static TensorInfo tensor(String name) {
        return new TensorInfo(name, Dtype.F32, Shape.of(1, 1), 0, 4);
    }

    private static String named(TransformersNaming naming, Component component, String path) {
        return new TextEncoderNames(naming, BASE).path(component, path);
    }

    @Test
    void transformers5LeavesTextModelOutWhereThereIsNoProjection() {
        assertThat(named(TransformersNaming.V5, Component.TEXT_ENCODER, V4_LAYER))
                .isEqualTo(V5_LAYER);
        assertThat(named(TransformersNaming.V5, Component.TEXT_ENCODER_2, V4_LAYER))
                .isEqualTo(V4_LAYER);
        assertThat(named(TransformersNaming.V5, Component.TEXT_ENCODER, V5_LAYER))
                .isEqualTo(V5_LAYER);
    }

    @Test
    void transformers4HasAllBelowTextModel() {
        assertThat(named(TransformersNaming.V4, Component.TEXT_ENCODER, V5_LAYER))
                .isEqualTo(V4_LAYER);
        assertThat(named(TransformersNaming.V4, Component.TEXT_ENCODER, V4_LAYER))
                .isEqualTo(V4_LAYER);
        assertThat(named(TransformersNaming.V4, Component.ANY, "embeddings.token_embedding.weight"))
                .isEqualTo("text_model.embeddings.token_embedding.weight");
    }

    @Test
    void whatIsNoLayerOfClipKeepsItsName() {
        for (String path :
                List.of("encoder.block.0.layer.0.SelfAttention.q", "text_projection", "encoder.layer.0.mlp")) {
            assertThat(named(TransformersNaming.V4, Component.TEXT_ENCODER, path))
                    .isEqualTo(path);
        }
        assertThat(named(TransformersNaming.V4, Component.DENOISER, V5_LAYER)).isEqualTo(V5_LAYER);
        assertThat(named(TransformersNaming.OF_BASE, Component.TEXT_ENCODER, V4_LAYER))
                .isEqualTo(V4_LAYER);
    }

    @Test
    void onlyTheBaseTellsWhetherThereIsAProjection() {
        TextEncoderNames without = new TextEncoderNames(TransformersNaming.V5, null);
        assertThat(without.isOpen(Component.ANY, V4_LAYER)).isTrue();
        assertThat(without.isOpen(Component.ANY, V5_LAYER)).isFalse();
        assertThat(new TextEncoderNames(TransformersNaming.V4, null).isOpen(Component.ANY, V5_LAYER))
                .isFalse();
    }
}

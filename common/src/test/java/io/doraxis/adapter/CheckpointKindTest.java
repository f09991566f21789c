package io.doraxis.adapter;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.fixtures.Adapters;
import org.junit.jupiter.api.Test;

class CheckpointKindTest {
    @Test
    void aFileOfFactorsIsAnAdapter() {
        assertThat(kind(new Adapters().lora("m", 8, 16))).isEqualTo(CheckpointKind.ADAPTER);
    }

    @Test
    void aModelWithAFewLoraTensorsIsAModel() {
        Adapters file = new Adapters().lora("m", 8, 16);
        for (int i = 0; i < 20; i++) {
            file.tensor("blocks." + i + ".weight", 8, 8);
        }
        assertThat(kind(file)).isEqualTo(CheckpointKind.MODEL);
    }

    @Test
    void anAdapterWithSavedModulesIsAnAdapterWhereItsConfigurationSaysSo() {
        Adapters file = new Adapters().lora("m", 8, 16);
        for (int i = 0; i < 20; i++) {
            file.tensor("blocks." + i + ".weight", 8, 8);
        }
        assertThat(CheckpointKind.of(file.index(), file.adapter(), true)).isEqualTo(CheckpointKind.ADAPTER);
    }

    @Test
    void magnitudesWithoutFactorsAreNoAdapter() {
        assertThat(kind(new Adapters().magnitude("m", 8, 1))).isEqualTo(CheckpointKind.MODEL);
    }

    @Test
    void textualInversionsAreEmbeddings() {
        assertThat(kind(new Adapters().tensor("emb_params", 4, 768))).isEqualTo(CheckpointKind.EMBEDDING);
        assertThat(kind(new Adapters().tensor("clip_l", 4, 768).tensor("clip_g", 4, 1280)))
                .isEqualTo(CheckpointKind.EMBEDDING);
        assertThat(kind(new Adapters().tensor("<my-cat>", 768))).isEqualTo(CheckpointKind.EMBEDDING);
        assertThat(kind(new Adapters().tensor("bundle_emb.cat.string_to_param.*", 4, 768)))
                .isEqualTo(CheckpointKind.EMBEDDING);
    }

    @Test
    void stateOfATrainingIsToldByItsTensors() {
        assertThat(kind(new Adapters().tensor("state.0.exp_avg", 8, 8))).isEqualTo(CheckpointKind.OPTIMIZER);
        assertThat(kind(new Adapters().tensor("state.7.momentum_buffer", 8))).isEqualTo(CheckpointKind.OPTIMIZER);
        assertThat(kind(new Adapters().bytes("cpu", 5056).bytes("cuda.0", 16))).isEqualTo(CheckpointKind.OPTIMIZER);
        assertThat(kind(new Adapters().bytes("cpu", 5056).tensor("a.weight", 8, 8)))
                .isEqualTo(CheckpointKind.MODEL);
    }

    @Test
    void controlNetsAndNothingAreOther() {
        assertThat(kind(new Adapters().tensor("controlnet_blocks.0.weight", 8, 8)))
                .isEqualTo(CheckpointKind.OTHER);
        assertThat(kind(new Adapters().tensor("image_proj.proj.weight", 8, 8))).isEqualTo(CheckpointKind.OTHER);
        assertThat(kind(new Adapters())).isEqualTo(CheckpointKind.OTHER);
    }

    @Test
    void anythingElseIsAModel() {
        assertThat(kind(new Adapters().tensor("conv_in.weight", 320, 4, 3, 3))).isEqualTo(CheckpointKind.MODEL);
        assertThat(kind(new Adapters().tensor("clip_l", 2, 3, 4))).isEqualTo(CheckpointKind.MODEL);
    }

    private static CheckpointKind kind(Adapters file) {
        return CheckpointKind.of(file.index(), file.adapter(), false);
    }
}

package io.doraxis.adapter;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.fixtures.Adapters;
import org.junit.jupiter.api.Test;

class CheckpointKindTest {
    @Test
    void aFileOfFactorsIsAnAdapter() {
        assertThat(kind(new Adapters().lora("m", 8, 16), "x.safetensors")).isEqualTo(CheckpointKind.ADAPTER);
    }

    @Test
    void aModelWithAFewLoraTensorsIsAModel() {
        Adapters file = new Adapters().lora("m", 8, 16);
        for (int i = 0; i < 20; i++) {
            file.tensor("blocks." + i + ".weight", 8, 8);
        }
        assertThat(kind(file, "x.safetensors")).isEqualTo(CheckpointKind.MODEL);
    }

    @Test
    void anAdapterWithSavedModulesIsAnAdapterWhereItsConfigurationSaysSo() {
        Adapters file = new Adapters().lora("m", 8, 16);
        for (int i = 0; i < 20; i++) {
            file.tensor("blocks." + i + ".weight", 8, 8);
        }
        assertThat(CheckpointKind.of(file.index(), file.adapter(), "adapter_model.safetensors", true))
                .isEqualTo(CheckpointKind.ADAPTER);
    }

    @Test
    void magnitudesWithoutFactorsAreNoAdapter() {
        assertThat(kind(new Adapters().magnitude("m", 8, 1), "x.safetensors")).isEqualTo(CheckpointKind.MODEL);
    }

    @Test
    void textualInversionsAreEmbeddings() {
        assertThat(kind(new Adapters().tensor("emb_params", 4, 768), "x.pt")).isEqualTo(CheckpointKind.EMBEDDING);
        assertThat(kind(new Adapters().tensor("clip_l", 4, 768).tensor("clip_g", 4, 1280), "x.pt"))
                .isEqualTo(CheckpointKind.EMBEDDING);
        assertThat(kind(new Adapters().tensor("<my-cat>", 768), "x.pt")).isEqualTo(CheckpointKind.EMBEDDING);
        assertThat(kind(new Adapters().tensor("bundle_emb.cat.string_to_param.*", 4, 768), "x.pt"))
                .isEqualTo(CheckpointKind.EMBEDDING);
    }

    @Test
    void stateOfATrainingIsToldByTensorsAndByName() {
        assertThat(kind(new Adapters().tensor("state.0.exp_avg", 8, 8), "x.pt")).isEqualTo(CheckpointKind.OPTIMIZER);
        assertThat(kind(new Adapters().tensor("0", 8, 8), "optimizer.bin")).isEqualTo(CheckpointKind.OPTIMIZER);
        assertThat(kind(new Adapters().tensor("0", 8), "Scheduler.pt")).isEqualTo(CheckpointKind.OPTIMIZER);
        assertThat(kind(new Adapters().lora("m", 8, 16), "optimizer.safetensors"))
                .isEqualTo(CheckpointKind.ADAPTER);
    }

    @Test
    void controlNetsAndNothingAreOther() {
        assertThat(kind(new Adapters().tensor("controlnet_blocks.0.weight", 8, 8), "x.safetensors"))
                .isEqualTo(CheckpointKind.OTHER);
        assertThat(kind(new Adapters().tensor("image_proj.proj.weight", 8, 8), "x.bin"))
                .isEqualTo(CheckpointKind.OTHER);
        assertThat(kind(new Adapters(), "x.safetensors")).isEqualTo(CheckpointKind.OTHER);
    }

    @Test
    void anythingElseIsAModel() {
        assertThat(kind(new Adapters().tensor("conv_in.weight", 320, 4, 3, 3), "x.safetensors"))
                .isEqualTo(CheckpointKind.MODEL);
        assertThat(kind(new Adapters().tensor("clip_l", 2, 3, 4), "x.safetensors"))
                .isEqualTo(CheckpointKind.MODEL);
    }

    private static CheckpointKind kind(Adapters file, String name) {
        return CheckpointKind.of(file.index(), file.adapter(), name, false);
    }
}

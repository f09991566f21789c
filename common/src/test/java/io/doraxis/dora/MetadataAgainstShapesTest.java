package io.doraxis.dora;

import static io.doraxis.tensorfile.Finding.Code.CLAIM_CONFLICT;
import static io.doraxis.tensorfile.Finding.Code.LEGACY_SIGNED_MEAN;
import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.fixtures.Adapters;
import io.doraxis.tensorfile.Finding;
import org.junit.jupiter.api.Test;

/** What a file claims corroborates or conflicts; it never decides. */
class MetadataAgainstShapesTest {
    @Test
    void metadataThatAgreesCorroborates() {
        CheckpointVerdict verdict = classify(input().metadata("ss_network_args", "{\"wd_on_output\":\"False\"}"));
        assertThat(verdict.axis()).isEqualTo(CheckpointAxis.INPUT);
        assertThat(verdict.confidence()).isEqualTo(Confidence.CORROBORATED);
        assertThat(verdict.evidence())
                .containsExactly(
                        new Evidence(Evidence.Kind.RECTANGULAR_LAYER, 1, "INPUT"),
                        new Evidence(Evidence.Kind.METADATA_AGREES, 1, "ss_network_args.wd_on_output"));
    }

    @Test
    void metadataThatDisagreesIsAConflictAndTheShapesCount() {
        CheckpointVerdict verdict = classify(input().metadata("ot_config", "{\"lora_decompose_output_axis\":true}"));
        String conflict = "ot_config.lora_decompose_output_axis says OUTPUT, the shapes prove INPUT";
        assertThat(verdict.axis()).isEqualTo(CheckpointAxis.INPUT);
        assertThat(verdict.confidence()).isEqualTo(Confidence.PROVEN);
        assertThat(verdict.claimConflicts()).containsExactly(conflict);
        assertThat(verdict.findings()).containsExactly(new Finding(CLAIM_CONFLICT, conflict));
        assertThat(verdict.evidence())
                .contains(new Evidence(Evidence.Kind.METADATA_CONFLICTS, 1, "ot_config.lora_decompose_output_axis"));
    }

    @Test
    void oneTrainerHasASwitchForEachAlgorithm() {
        String both = "{\"lora_decompose_output_axis\":false,\"lokr_dora_on_output\":true}";
        CheckpointVerdict lora = classify(input().metadata("ot_config", both));
        assertThat(lora.confidence()).isEqualTo(Confidence.CORROBORATED);
        CheckpointVerdict lokr = classify(new Adapters()
                .tensor("a.lokr_w1", 2, 2)
                .tensor("a.lokr_w2", 4, 8)
                .magnitude("a", 8, 1)
                .metadata("ot_config", both));
        assertThat(lokr.axis()).isEqualTo(CheckpointAxis.OUTPUT);
        assertThat(lokr.confidence()).isEqualTo(Confidence.CORROBORATED);
        assertThat(lokr.evidence())
                .contains(new Evidence(Evidence.Kind.METADATA_AGREES, 1, "ot_config.lokr_dora_on_output"));
    }

    @Test
    void metadataNeverDecides() {
        CheckpointVerdict verdict = classify(new Adapters()
                .lora("a", 16, 16)
                .magnitude("a", 16)
                .metadata("ss_network_args", "{\"wd_on_output\":\"True\"}"));
        assertThat(verdict.axis()).isEqualTo(CheckpointAxis.AMBIGUOUS);
        assertThat(verdict.confidence()).isEqualTo(Confidence.UNKNOWN);
    }

    @Test
    void metadataOfAMixedCheckpointConflicts() {
        CheckpointVerdict verdict = classify(input().lora("b", 8, 16)
                .magnitude("b", 8, 1)
                .metadata("ss_network_args", "{\"wd_on_output\":\"True\"}"));
        assertThat(verdict.claimConflicts())
                .containsExactly("ss_network_args.wd_on_output says OUTPUT, the shapes prove MIXED");
    }

    @Test
    void metadataWithoutDoraSayNothingOfTheAxis() {
        CheckpointVerdict verdict =
                classify(new Adapters().lora("a", 8, 16).metadata("ss_network_args", "{\"wd_on_output\":\"True\"}"));
        assertThat(verdict.axis()).isEqualTo(CheckpointAxis.NONE);
        assertThat(verdict.claimConflicts()).isEmpty();
    }

    @Test
    void aPeftConfigurationThatDeniesTheMagnitudesConflicts() {
        Adapters file = new Adapters()
                .tensor("base_model.model.a.lora_A.weight", 4, 16)
                .tensor("base_model.model.a.lora_B.weight", 8, 4)
                .tensor("base_model.model.a.lora_magnitude_vector", 8)
                .config("{\"r\":4,\"use_dora\":false}");
        CheckpointVerdict verdict = classify(file);
        assertThat(verdict.axis()).isEqualTo(CheckpointAxis.OUTPUT);
        assertThat(verdict.claimConflicts())
                .containsExactly("adapter_config.use_dora says false, magnitudes are present");
    }

    @Test
    void aFileOfAfterTheDefaultChangedIsStillWhatItsShapesProve() {
        CheckpointVerdict verdict = classify(input().metadata("ss_training_started_at", "1760000000"));
        assertThat(verdict.axis()).isEqualTo(CheckpointAxis.INPUT);
        assertThat(verdict.findings()).isEmpty();
    }

    @Test
    void anInputFileOfBeforeTheNormIsSuspectedByItsDate() {
        CheckpointVerdict verdict = classify(input().metadata("ss_training_finished_at", "1710547199.9"));
        assertThat(verdict.findings())
                .containsExactly(new Finding(
                        LEGACY_SIGNED_MEAN,
                        "trained before 2024-03-16, when LyCORIS stored a signed mean in place of a norm"));
        assertThat(classify(input().metadata("ss_training_finished_at", "1710547200"))
                        .findings())
                .isEmpty();
    }

    @Test
    void anOutputFileOfBeforeTheNormIsNotSuspected() {
        Adapters file = new Adapters().lora("a", 8, 16).magnitude("a", 8, 1).metadata("ss_training_finished_at", "1");
        assertThat(classify(file).findings()).isEmpty();
    }

    private static Adapters input() {
        return new Adapters().lora("a", 8, 16).magnitude("a", 1, 16);
    }

    private static CheckpointVerdict classify(Adapters file) {
        AdapterIndex adapter = file.adapter();
        return AxisClassifier.classify(adapter.modules(), adapter.claims(), file.data());
    }
}

package io.doraxis.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.audit.CheckpointColumns.Stamp;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.fixtures.FakeFile;
import io.doraxis.fixtures.GoldenCase;
import io.doraxis.fixtures.Resources;
import io.doraxis.peft.ExportOutcome;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The column {@code peft_export}, against what the golden adapters' makers tried with PEFT. */
class PeftExportColumnTest {
    private final CheckpointAuditor auditor = new CheckpointAuditor(ConsumerRules.bundled());
    private final Column<CheckpointAudit> column = CheckpointColumns.of(new Stamp("", "", Instant.EPOCH)).stream()
            .filter(each -> each.name().equals("peft_export"))
            .findFirst()
            .orElseThrow();

    static List<String> cases() {
        return GoldenCase.names();
    }

    @SuppressWarnings("unchecked")
    private List<String> cell(CheckpointAudit audit) {
        return (List<String>) column.value().apply(audit);
    }

    /** As a hub has it, read by its header alone where {@code head} is shorter than the file. */
    private CheckpointAudit audit(GoldenCase golden, int head) throws Exception {
        String folder = golden.set() + "/" + golden.name() + "/";
        byte[] weights =
                Resources.bytes(folder + golden.truth().get("adapter_file").text());
        FetchedFile file =
                AuditFiles.fetched("adapter_model.safetensors", FakeFile.of(weights), Math.min(head, weights.length));
        FetchedFile config = golden.config() == null
                ? null
                : AuditFiles.fetched(
                        "adapter_config.json",
                        Resources.bytes(
                                folder + golden.truth().get("adapter_config").text()));
        Checkpoint checkpoint = config == null
                ? Checkpoint.file(file.object())
                : new Checkpoint(
                        Checkpoint.Form.PEFT_DIRECTORY, AuditFiles.FOLDER, List.of(file.object()), config.object());
        return auditor.audit(checkpoint, List.of(file), config, CheckpointAuditor.ValueSource.IN_HAND);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void whatPeftHoldsIsExactAndWhatItHasIsNotNeeded(String name) throws Exception {
        GoldenCase golden = GoldenCase.of(name);
        List<String> cell = cell(audit(golden, Integer.MAX_VALUE));
        ExportOutcome outcome = ExportOutcome.valueOf(cell.get(0));
        if (golden.truth().get("peft_export").get("exact").flag()) {
            assertThat(outcome)
                    .as(cell.get(1))
                    .isEqualTo(golden.config() == null ? ExportOutcome.EXACT : ExportOutcome.NOT_NEEDED);
        }
        if (golden.truth().get("axis").text().equals("INPUT")) {
            assertThat(outcome).as(cell.get(1)).isEqualTo(ExportOutcome.EXACT_WITH_BASE);
        }
        assertThat(cell.get(1)).isNotBlank();
        assertThat(cell(audit(golden, 64)).get(0)).as("by its header alone").isEqualTo(outcome.name());
    }

    @Test
    void namesThatAreFlattenedNeedABaseForTheirPaths() throws Exception {
        assertThat(cell(audit(GoldenCase.of("locon_dora_out"), Integer.MAX_VALUE))
                        .get(1))
                .endsWith("; the base model tells the paths of its flattened names (--base)");
    }

    @Test
    void tLoraIsImpossibleAndAnAxisThatIsOpenToo() throws Exception {
        for (String name : Set.of("tlora_unsupported", "all_square_1d")) {
            assertThat(cell(audit(GoldenCase.of(name), Integer.MAX_VALUE)).get(0))
                    .isEqualTo("IMPOSSIBLE");
        }
    }

    @Test
    void aModelHasNone() {
        FetchedFile model = AuditFiles.fetched("model.safetensors", AuditFiles.shard("conv_in.weight"));
        assertThat(cell(auditor.audit(
                        Checkpoint.file(model.object()), List.of(model), null, CheckpointAuditor.ValueSource.IN_HAND)))
                .isNull();
    }
}

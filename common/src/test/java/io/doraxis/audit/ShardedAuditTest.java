package io.doraxis.audit;

import static io.doraxis.audit.AuditFiles.FOLDER;
import static io.doraxis.audit.AuditFiles.failed;
import static io.doraxis.audit.AuditFiles.fetched;
import static io.doraxis.audit.AuditFiles.shard;
import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.adapter.CheckpointKind;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.tensorfile.Finding;
import io.doraxis.tensorfile.Reason;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorInfo;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ShardedAuditTest {
    private static final String ONE = "model-00001-of-00002.safetensors";
    private static final String TWO = "model-00002-of-00002.safetensors";
    private static final String INDEX = "model.safetensors.index.json";
    private static final String BOTH = "{\"metadata\":{\"total_size\":16},\"weight_map\":{\"a.weight\":\"" + ONE
            + "\",\"b.weight\":\"" + TWO + "\"}}";

    private final CheckpointAuditor auditor = new CheckpointAuditor(ConsumerRules.bundled());

    @Test
    void shardsAreOneModel() {
        CheckpointAudit audit = audit(fetched(INDEX, BOTH), one(), two());
        assertThat(audit.reading().status()).isEqualTo(Status.OK);
        assertThat(audit.reading().requests()).isEqualTo(3);
        assertThat(audit.contents().kind()).isEqualTo(CheckpointKind.MODEL);
        assertThat(audit.contents().index().tensors())
                .extracting(TensorInfo::name)
                .containsExactly("a.weight", "b.weight");
        assertThat(audit.findings()).isEmpty();
    }

    @Test
    void aMissingShardMakesThePartialRowItsReason() {
        CheckpointAudit audit = audit(fetched(INDEX, BOTH), one());
        assertThat(audit.reading().status()).isEqualTo(Status.PARTIAL);
        assertThat(audit.reading().reason()).isEqualTo(Reason.MISSING_SHARD);
        assertThat(audit.reading().message())
                .isEqualTo(FOLDER + INDEX + ": MISSING_SHARD at byte 0: found 1 of 2 shards, expected " + TWO + " too");
        assertThat(audit.contents().index().tensors()).hasSize(1);
    }

    @Test
    void anIndexWithoutAnyShardIsMalformed() {
        CheckpointAudit audit = audit(fetched(INDEX, BOTH));
        assertThat(audit.reading().status()).isEqualTo(Status.MALFORMED);
        assertThat(audit.reading().reason()).isEqualTo(Reason.MISSING_SHARD);
        assertThat(audit.contents()).isNull();
    }

    @Test
    void aStaleShardIsNoPartOfTheModelAndABrokenOneNoHarm() {
        String stale = "model-00001-of-00003.safetensors";
        CheckpointAudit audit = audit(fetched(INDEX, BOTH), one(), fetched(stale, new byte[] {1}), two());
        assertThat(audit.reading().status()).isEqualTo(Status.OK);
        assertThat(audit.contents().index().tensors())
                .noneMatch(tensor -> tensor.name().equals("old.weight"));
    }

    @Test
    void aStaleShardIsAWarning() {
        String stale = "model-00001-of-00003.safetensors";
        CheckpointAudit audit = audit(fetched(INDEX, BOTH), one(), fetched(stale, shard("old.weight")), two());
        assertThat(audit.reading().status()).isEqualTo(Status.OK);
        assertThat(audit.findings())
                .containsExactly(
                        new Finding(Finding.Code.SHARDS, "1 files that the index does not name, such as " + stale));
    }

    @Test
    void aBrokenShardLeavesTheOthers() {
        CheckpointAudit audit = audit(fetched(INDEX, BOTH), one(), fetched(TWO, "Entry not found"));
        assertThat(audit.reading().status()).isEqualTo(Status.PARTIAL);
        assertThat(audit.reading().reason()).isEqualTo(Reason.PLAIN_TEXT);
        assertThat(audit.reading().container()).isEqualTo("SAFETENSORS");
        assertThat(audit.contents().index().tensors()).hasSize(1);
    }

    @Test
    void aShardThatTheStoreRefusesLeavesTheOthers() {
        CheckpointAudit audit = audit(fetched(INDEX, BOTH), failed(ONE, Reason.STORE_FORBIDDEN), two());
        assertThat(audit.reading().status()).isEqualTo(Status.PARTIAL);
        assertThat(audit.reading().reason()).isEqualTo(Reason.STORE_FORBIDDEN);
    }

    @Test
    void theStoresFailureGoesBeforeAFilesOwn() {
        CheckpointAudit audit = audit(fetched(INDEX, BOTH), failed(ONE, Reason.STORE_FORBIDDEN)); // and TWO is missing
        assertThat(audit.reading().status()).isEqualTo(Status.STORE_ERROR);
        assertThat(audit.reading().reason()).isEqualTo(Reason.STORE_FORBIDDEN);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "[] | not a JSON object",
                "{} | no weight_map",
                "{\"weight_map\":[]} | no weight_map",
                "{\"weight_map\":{\"a\":1}} | weight_map of something else than file names",
                "{\"weight_map\":{\"a\":{}}} | weight_map of something else than file names",
            })
    void aBrokenIndexLeavesTheShards(String json, String found) {
        CheckpointAudit audit = audit(fetched(INDEX, json), one(), two());
        assertThat(audit.reading().status()).isEqualTo(Status.PARTIAL);
        assertThat(audit.reading().reason()).isEqualTo(Reason.INVALID_SIDE_FILE);
        assertThat(audit.reading().message())
                .isEqualTo(FOLDER + INDEX + ": INVALID_SIDE_FILE at byte 0: found " + found
                        + ", expected an index with a weight_map");
        assertThat(audit.contents().index().tensors()).hasSize(2);
    }

    @Test
    void anIndexThatIsCutAnywhereIsBroken() {
        for (int length = 0; length < BOTH.length() - 1; length++) {
            CheckpointAudit audit = audit(fetched(INDEX, BOTH.substring(0, length)), one(), two());
            assertThat(audit.reading().reason()).isEqualTo(Reason.INVALID_SIDE_FILE);
        }
    }

    @Test
    void anIndexThatTheStoreRefusesLeavesTheShards() {
        CheckpointAudit audit = audit(failed(INDEX, Reason.STORE_NOT_FOUND), one(), two());
        assertThat(audit.reading().status()).isEqualTo(Status.PARTIAL);
        assertThat(audit.reading().reason()).isEqualTo(Reason.STORE_NOT_FOUND);
    }

    @Test
    void aShardOutsideTheFolderIsMissing() {
        CheckpointAudit audit = audit(fetched(INDEX, "{\"weight_map\":{\"a\":\"../" + ONE + "\"}}"), one());
        assertThat(audit.reading().reason()).isEqualTo(Reason.MISSING_SHARD);
    }

    @Test
    void whereIndexAndShardsDisagreeAboutTensorsIsNoticed() {
        CheckpointAudit audit = audit(
                fetched(
                        INDEX,
                        "{\"metadata\":{\"total_size\":16.0},\"weight_map\":{\"a.weight\":\"" + ONE + "\",\"gone\":\""
                                + ONE + "\",\"b.weight\":\"" + TWO + "\"}}"),
                fetched(ONE, AuditFiles.file(tensor("a.weight"), tensor("b.weight"))),
                fetched(TWO, AuditFiles.file(tensor("b.weight"), tensor("c.weight"))));
        assertThat(audit.reading().status()).isEqualTo(Status.OK);
        assertThat(audit.findings())
                .extracting(Finding::toString)
                .containsExactly(
                        "SHARD_TENSOR_MISSING: 1 tensors are not in the file that the index names: gone",
                        "SHARD_TENSOR_ORPHAN: 1 tensors that the index does not name: c.weight",
                        "SHARD_TENSOR_REPEATED: 1 tensors in another file than the index names: b.weight",
                        "SHARD_TOTAL_SIZE: the index claims 16 bytes of tensors, there are 32");
    }

    private static Tensor tensor(String name) {
        return Tensor.ofFloats(name, Shape.of(2), 1, 2);
    }

    @Test
    void aFileOfAnotherFolderIsNamed() {
        CheckpointAudit audit = audit(fetched(INDEX, "{\"weight_map\":{\"a\":\"/etc/x\"}}"));
        assertThat(audit.findings())
                .extracting(Finding::toString)
                .containsExactly(
                        "SHARD_OUTSIDE_FOLDER: 1 files of the index lie in another folder, and are not read: /etc/x");
    }

    private static FetchedFile one() {
        return fetched(ONE, shard("a.weight"));
    }

    private static FetchedFile two() {
        return fetched(TWO, shard("b.weight"));
    }

    private CheckpointAudit audit(FetchedFile index, FetchedFile... shards) {
        Checkpoint checkpoint = new Checkpoint(
                Checkpoint.Form.SHARDED,
                index.object().uri(),
                Stream.of(shards).map(FetchedFile::object).toList(),
                index.object());
        return auditor.audit(checkpoint, List.of(shards), index, CheckpointAuditor.ValueSource.IN_HAND);
    }
}

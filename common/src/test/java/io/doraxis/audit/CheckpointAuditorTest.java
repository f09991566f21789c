package io.doraxis.audit;

import static io.doraxis.audit.AuditFiles.FOLDER;
import static io.doraxis.audit.AuditFiles.adapter;
import static io.doraxis.audit.AuditFiles.failed;
import static io.doraxis.audit.AuditFiles.fetched;
import static io.doraxis.audit.AuditFiles.peftAdapter;
import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.adapter.CheckpointKind;
import io.doraxis.adapter.Dialect;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.dora.CheckpointAxis;
import io.doraxis.fixtures.FakeFile;
import io.doraxis.fixtures.Headers;
import io.doraxis.fixtures.Resources;
import io.doraxis.tensorfile.Finding;
import io.doraxis.tensorfile.Reason;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointAuditorTest {
    private final CheckpointAuditor auditor = new CheckpointAuditor(ConsumerRules.bundled());

    @Test
    void aReadableAdapterIsToldInFull() {
        CheckpointAudit audit = audit(fetched("a.safetensors", adapter()));
        assertThat(audit.reading())
                .isEqualTo(new Reading(Status.OK, "SAFETENSORS", null, null, adapter().length, 1, 0));
        assertThat(audit.contents().kind()).isEqualTo(CheckpointKind.ADAPTER);
        assertThat(audit.adapter().dialect()).isEqualTo(Dialect.KOHYA);
        assertThat(audit.adapter().verdict().axis()).isEqualTo(CheckpointAxis.OUTPUT);
        assertThat(audit.adapter().index().modules().get(0).scale()).isEqualTo(0.5);
        assertThat(audit.adapter().consumers()).isNotEmpty();
        assertThat(audit.findings()).isEmpty();
    }

    @Test
    void aModelHasContentsAndNoAdapter() {
        CheckpointAudit audit = audit(fetched("a.safetensors", AuditFiles.shard("conv_in.weight")));
        assertThat(audit.contents().kind()).isEqualTo(CheckpointKind.MODEL);
        assertThat(audit.adapter()).isNull();
        assertThat(audit.reading().status()).isEqualTo(Status.OK);
    }

    @Test
    void aHeaderBehindTheFirstReadCostsOneMoreRequestAndNoData() {
        FakeFile file = FakeFile.of(adapter());
        CheckpointAudit audit = audit(fetched("a.safetensors", file, 64));
        long header = audit.contents().index().dataStart();
        assertThat(audit.reading()).isEqualTo(new Reading(Status.OK, "SAFETENSORS", null, null, header, 2, 0));
        assertThat(file.bytesRead()).isEqualTo(header - 64);
        assertThat(audit.adapter().index().modules().get(0).notes()).containsExactly("alpha not read");
    }

    @Test
    void aMalformedFileIsARowWithItsReason() {
        CheckpointAudit audit = audit(fetched("a.safetensors", "Entry not found"));
        assertThat(audit.reading())
                .isEqualTo(new Reading(
                        Status.MALFORMED,
                        "TEXT",
                        Reason.PLAIN_TEXT,
                        FOLDER + "a.safetensors: PLAIN_TEXT at byte 0: found plain text, expected a tensor file",
                        15,
                        1,
                        0));
        assertThat(audit.contents()).isNull();
        assertThat(audit.adapter()).isNull();
    }

    @Test
    void anEmptyObjectIsARow() {
        CheckpointAudit audit = audit(fetched("a.safetensors", new byte[0]));
        assertThat(audit.reading())
                .isEqualTo(new Reading(
                        Status.MALFORMED,
                        "EMPTY",
                        Reason.EMPTY_OBJECT,
                        FOLDER + "a.safetensors: EMPTY_OBJECT at byte 0: found 0 bytes, expected a tensor file",
                        0,
                        1,
                        0));
    }

    @Test
    void aContainerThatIsNotReadIsUnsupported() {
        CheckpointAudit audit = audit(fetched("a.gguf", "GGUF and the rest"));
        assertThat(audit.reading().status()).isEqualTo(Status.UNSUPPORTED);
        assertThat(audit.reading().container()).isEqualTo("GGUF");
        assertThat(audit.reading().reason()).isEqualTo(Reason.UNSUPPORTED_CONTAINER);
    }

    @Test
    void unknownBytesAreMalformedOnlyUnderTheNameOfATensorFile() {
        byte[] bytes = {(byte) 0xc1, 1, 2, 3, 4, 5, 6, 7, 8};
        Reading other = audit(fetched("model.h5", bytes)).reading();
        assertThat(other.status()).isEqualTo(Status.UNSUPPORTED);
        assertThat(other.reason()).isEqualTo(Reason.UNSUPPORTED_CONTAINER);
        Reading broken = audit(fetched("a.SAFETENSORS", bytes)).reading();
        assertThat(broken.status()).isEqualTo(Status.MALFORMED);
        assertThat(broken.reason()).isEqualTo(Reason.HEADER_TOO_LARGE);
    }

    @Test
    void anObjectThatWasReplacedIsChangedAndNoFaultOfTheStore() {
        Reading reading = audit(failed("a.safetensors", Reason.STORE_CHANGED)).reading();
        assertThat(reading.status()).isEqualTo(Status.CHANGED);
    }

    @Test
    void aStoreThatFailsIsARowAndNoFaultOfTheFiles() {
        for (Reason reason : List.of(Reason.STORE_NOT_FOUND, Reason.STORE_FORBIDDEN, Reason.STORE_FAILED)) {
            CheckpointAudit audit = audit(failed("a.safetensors", reason));
            assertThat(audit.reading())
                    .isEqualTo(new Reading(
                            Status.STORE_ERROR, null, reason, FOLDER + "a.safetensors: " + reason, 0, 1, 0));
        }
    }

    @Test
    void aSecondReadThatEndsEarlyIsARow() {
        CheckpointAudit audit =
                audit(fetched("a.safetensors", FakeFile.of(adapter()).endingEarlyAt(100), 64));
        assertThat(audit.reading().status()).isEqualTo(Status.STORE_ERROR);
        assertThat(audit.reading().reason()).isEqualTo(Reason.SHORT_BODY);
        assertThat(audit.reading().message())
                .startsWith(FakeFile.NAME + ": SHORT_BODY at byte 100: found the end of the body, expected byte ");
    }

    @Test
    void aSecondReadThatFailsIsARow() {
        FakeFile broken = FakeFile.of(adapter().length, position -> adapter()[(int) position]);
        FetchedFile file = new FetchedFile(
                AuditFiles.object("a.safetensors", broken.length()),
                broken.head(64),
                64,
                new io.doraxis.tensorfile.RangeReader() {
                    @Override
                    public String name() {
                        return "a";
                    }

                    @Override
                    public long length() {
                        return broken.length();
                    }

                    @Override
                    public java.io.InputStream open(long from, long to) throws IOException {
                        throw new IOException("connection reset");
                    }
                },
                null);
        Reading reading = audit(file).reading();
        assertThat(reading.status()).isEqualTo(Status.STORE_ERROR);
        assertThat(reading.reason()).isEqualTo(Reason.STORE_FAILED);
        assertThat(reading.message()).isEqualTo("java.io.IOException: connection reset");
    }

    @Test
    void valuesThatCannotBeReadLeaveAPartialRow() {
        CheckpointAudit audit = auditor.audit(
                Checkpoint.file(AuditFiles.object("a.safetensors", adapter().length)),
                List.of(fetched("a.safetensors", adapter())),
                null,
                (file, index) -> {
                    throw new IOException("timeout");
                });
        assertThat(audit.reading().status()).isEqualTo(Status.PARTIAL);
        assertThat(audit.reading().reason()).isEqualTo(Reason.STORE_FAILED);
        assertThat(audit.adapter().verdict().axis()).isEqualTo(CheckpointAxis.OUTPUT);
    }

    @Test
    void aPeftDirectoryIsReadWithItsConfiguration() {
        CheckpointAudit audit =
                peft(fetched("adapter_config.json", "{\"peft_type\":\"LORA\",\"r\":1,\"lora_alpha\":4}"));
        assertThat(audit.reading().status()).isEqualTo(Status.OK);
        assertThat(audit.reading().requests()).isEqualTo(2);
        assertThat(audit.contents().config().alpha()).isEqualTo(4);
        assertThat(audit.adapter().index().modules().get(0).scale()).isEqualTo(4);
        assertThat(audit.findings()).isEmpty();
    }

    private CheckpointAudit beside(FetchedFile side) {
        FetchedFile file = fetched("a.safetensors", adapter());
        return auditor.audit(
                Checkpoint.file(file.object(), side.object()),
                List.of(file),
                side,
                CheckpointAuditor.ValueSource.IN_HAND);
    }

    @Test
    void whatLiesBesideAFileAddsClaims() {
        CheckpointAudit audit = beside(fetched("a.civitai.info", "{\"baseModel\": \"SDXL 1.0\"}"));
        assertThat(audit.reading().status()).isEqualTo(Status.OK);
        assertThat(audit.reading().requests()).isEqualTo(2);
        assertThat(audit.adapter().index().claims().get("side_file.baseModel")).contains("SDXL 1.0");
        assertThat(audit.findings()).isEmpty();
    }

    @Test
    void claimsAreCutToWhatARowCanShow() {
        String longText = "x".repeat(1_000_000);
        CheckpointAudit audit = beside(
                fetched("a.json", "{\"license\": \"%s\", \"baseModel\": \"%s\\u001b\"}".formatted(longText, longText)));
        assertThat(column(audit, "license").toString()).hasSize(200);
        assertThat(audit.adapter().index().claims().get("side_file.baseModel").orElseThrow())
                .hasSize(1_000);
    }

    @Test
    void aBaseModelThatTheLayersDoNotFitIsAConflictOfClaims() {
        String query = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k";
        FetchedFile file = fetched(
                "a.safetensors",
                AuditFiles.file(
                        Tensor.ofFloats(query + ".lora_down.weight", Shape.of(1, 768), new float[768]),
                        Tensor.ofFloats(query + ".lora_up.weight", Shape.of(320, 1), new float[320])));
        FetchedFile wrong = fetched("a.civitai.info", "{\"baseModel\": \"SDXL 1.0\", \"BaseModel\": \"Other\"}");
        CheckpointAudit audit = auditor.audit(
                Checkpoint.file(file.object(), wrong.object()),
                List.of(file),
                wrong,
                CheckpointAuditor.ValueSource.IN_HAND);
        String conflict = "side_file.baseModel says SDXL 1.0, the layers fit SD15";
        assertThat(column(audit, "base_family")).isEqualTo("SD15");
        assertThat(column(audit, "claim_conflicts")).isEqualTo(List.of(conflict));
        assertThat(column(audit, "warnings")).isEqualTo(List.of("CLAIM_CONFLICT: " + conflict));
    }

    @Test
    void whatLiesBesideAFileAndCannotBeReadIsNoticed() {
        CheckpointAudit audit = beside(fetched("a.json", "no JSON"));
        assertThat(audit.reading().status()).isEqualTo(Status.OK);
        assertThat(audit.findings())
                .singleElement()
                .asString()
                .startsWith("SIDE_FILE_UNREAD: a.json: Unrecognized token 'no'");
    }

    private CheckpointAudit inRepository(byte[] weights, FetchedFile card) {
        FetchedFile file = fetched("a.safetensors", weights);
        return auditor.audit(
                Checkpoint.file(file.object()).withCard(card.object()),
                List.of(file),
                null,
                card,
                CheckpointAuditor.ValueSource.IN_HAND);
    }

    private static Object column(CheckpointAudit audit, String name) {
        return CheckpointColumns.of(new CheckpointColumns.Stamp("1", "1", Instant.EPOCH)).stream()
                .filter(column -> column.name().equals(name))
                .findFirst()
                .orElseThrow()
                .value()
                .apply(audit);
    }

    @Test
    void theCardOfARepositoryAddsItsLicense() {
        FetchedFile card = fetched("README.md", "---\nlicense: apache-2.0\n---\n# A\n");
        CheckpointAudit adapterAudit = inRepository(adapter(), card);
        assertThat(adapterAudit.reading().requests()).isEqualTo(2);
        assertThat(adapterAudit.reading().bytesRead()).isEqualTo(adapter().length + card.length());
        assertThat(column(adapterAudit, "license")).isEqualTo("apache-2.0");
        assertThat(column(adapterAudit, "metadata_claims")).isEqualTo(Map.of("card.license", "apache-2.0"));
        assertThat(column(adapterAudit, "claim_conflicts")).isEqualTo(List.of());
        assertThat(column(adapterAudit, "total_bytes")).isEqualTo((long) adapter().length);
        assertThat(adapterAudit.findings()).isEmpty();
        assertThat(column(inRepository(AuditFiles.shard("conv_in.weight"), card), "license"))
                .isEqualTo("apache-2.0");
        assertThat(column(inRepository(new byte[0], card), "license")).isNull();
    }

    @Test
    void aCardThatContradictsTheFileIsAConflictOfClaims() {
        CheckpointAudit audit = inRepository(adapterOf("cc-by-4.0"), fetched("README.md", "---\nlicense: mit\n---\n"));
        String conflict = "license: the file says 'cc-by-4.0', the card 'mit'";
        assertThat(column(audit, "license")).isEqualTo("cc-by-4.0");
        assertThat(column(audit, "claim_conflicts")).isEqualTo(List.of(conflict));
        assertThat(column(audit, "warnings")).isEqualTo(List.of("CLAIM_CONFLICT: " + conflict));
        assertThat(audit.reading().status()).isEqualTo(Status.OK);
    }

    private static byte[] adapterOf(String license) {
        return Headers.file(
                ("{\"__metadata__\":{\"modelspec.license\":\"%s\"},"
                                + "\"lora_unet_a.lora_down.weight\":{\"dtype\":\"F32\",\"shape\":[1,3],\"data_offsets\":[0,12]},"
                                + "\"lora_unet_a.lora_up.weight\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[12,20]}}")
                        .formatted(license),
                20);
    }

    @Test
    void aCardThatCannotBeReadIsNoticedAndChangesNothing() {
        CheckpointAudit odd = inRepository(adapter(), fetched("README.md", "---\nlicense: |\n  mit\n---\n"));
        assertThat(odd.reading().status()).isEqualTo(Status.OK);
        assertThat(odd.findings())
                .singleElement()
                .asString()
                .isEqualTo("SIDE_FILE_UNREAD: README.md: license in a form of YAML that is not read: |");
        CheckpointAudit gone = inRepository(adapter(), failed("README.md", Reason.STORE_FORBIDDEN));
        assertThat(gone.reading().status()).isEqualTo(Status.OK);
        assertThat(gone.findings())
                .singleElement()
                .asString()
                .isEqualTo("SIDE_FILE_UNREAD: README.md: STORE_FORBIDDEN");
    }

    @Test
    void aLinkThatACopyMadeATextIsNamedWhateverItStandsFor() {
        String link = "../../blobs/" + "0a".repeat(32);
        Reading weights = audit(fetched("a.safetensors", link)).reading();
        assertThat(weights.status()).isEqualTo(Status.MALFORMED);
        assertThat(weights.container()).isEqualTo("CACHE_LINK");
        assertThat(weights.message())
                .isEqualTo(FOLDER + "a.safetensors: CACHE_LINK at byte 0: found a link of a download cache, stored as a"
                        + " text, expected the blob that it leads to: copy the cache with links followed, or download"
                        + " again");
        assertThat(audit(fetched("a.bin", link)).reading().reason()).isEqualTo(Reason.CACHE_LINK);
        Reading config = peft(fetched("adapter_config.json", link)).reading();
        assertThat(config.status()).isEqualTo(Status.PARTIAL);
        assertThat(config.reason()).isEqualTo(Reason.CACHE_LINK);
        assertThat(beside(fetched("a.json", link)).findings())
                .singleElement()
                .asString()
                .isEqualTo("SIDE_FILE_UNREAD: a.json: a link of a download cache, stored as a text");
        assertThat(inRepository(adapter(), fetched("README.md", link)).findings())
                .singleElement()
                .asString()
                .isEqualTo("SIDE_FILE_UNREAD: README.md: a link of a download cache, stored as a text");
    }

    @Test
    void torchsOldestContainerIsReadInFull() {
        CheckpointAudit audit = audit(fetched("a.pt", Resources.bytes("torch/tar.pt")));
        assertThat(audit.reading().status()).isEqualTo(Status.OK);
        assertThat(audit.reading().container()).isEqualTo("TORCH_TAR");
        assertThat(audit.contents().kind()).isEqualTo(CheckpointKind.ADAPTER);
        assertThat(audit.adapter().index().modules().get(0).alpha()).isEqualTo(2);
        assertThat(column(audit, "pickle_verdict")).isEqualTo("ALLOWED");
    }

    @ParameterizedTest
    @ValueSource(strings = {"zip_big_endian", "legacy_big_endian"})
    void ofABigEndianFileNamesAndShapesAreToldAndNoValues(String name) {
        CheckpointAudit audit = audit(fetched("a.pt", Resources.bytes("torch/" + name + ".pt")));
        assertThat(audit.reading().status()).isEqualTo(Status.OK);
        assertThat(audit.adapter().index().modules()).hasSize(3).allSatisfy(module -> {
            assertThat(module.rank()).isEqualTo(4);
            assertThat(module.alpha()).isNull();
        });
        assertThat(audit.findings())
                .containsExactly(new Finding(
                        Finding.Code.BYTE_ORDER, "values are not read: the file says that its byte order is 'big'"));
    }

    @Test
    void aBrokenConfigurationLeavesTheCheckpointReadInPart() {
        CheckpointAudit audit = peft(fetched("adapter_config.json", "[]"));
        assertThat(audit.reading().status()).isEqualTo(Status.PARTIAL);
        assertThat(audit.reading().reason()).isEqualTo(Reason.INVALID_SIDE_FILE);
        assertThat(audit.reading().message())
                .isEqualTo(FOLDER + "adapter_config.json: INVALID_SIDE_FILE at byte 0: found adapter_config.json: not a"
                        + " JSON object, expected PEFT's configuration");
        assertThat(audit.contents().config()).isNull();
        assertThat(audit.contents().kind()).isEqualTo(CheckpointKind.ADAPTER);
        assertThat(audit.adapter().consumers().get("peft@0.21").reason()).startsWith("peft@0.21/config-unreadable: ");
    }

    @Test
    void aConfigurationThatTheStoreRefusesLeavesTheCheckpointReadInPart() {
        CheckpointAudit audit = peft(failed("adapter_config.json", Reason.STORE_FORBIDDEN));
        assertThat(audit.reading().status()).isEqualTo(Status.PARTIAL);
        assertThat(audit.reading().reason()).isEqualTo(Reason.STORE_FORBIDDEN);
        assertThat(audit.adapter().consumers().get("peft@0.21").reason()).startsWith("peft@0.21/config-not-read: ");
    }

    private CheckpointAudit peft(FetchedFile config) {
        FetchedFile weights = fetched("adapter_model.safetensors", peftAdapter());
        Checkpoint checkpoint = new Checkpoint(
                Checkpoint.Form.PEFT_DIRECTORY, "s3a://hub/x", List.of(weights.object()), config.object());
        return auditor.audit(checkpoint, List.of(weights), config, CheckpointAuditor.ValueSource.IN_HAND);
    }

    private CheckpointAudit audit(FetchedFile file) {
        return auditor.audit(
                Checkpoint.file(file.object()), List.of(file), null, CheckpointAuditor.ValueSource.IN_HAND);
    }
}

package io.doraxis.audit;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import io.doraxis.adapter.Algorithm;
import io.doraxis.adapter.CheckpointKind;
import io.doraxis.adapter.Dialect;
import io.doraxis.adapter.LayerKind;
import io.doraxis.adapter.Magnitude;
import io.doraxis.adapter.Role;
import io.doraxis.catalog.Change;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.catalog.ObjectRole;
import io.doraxis.consumer.Outcome;
import io.doraxis.dora.CheckpointAxis;
import io.doraxis.dora.Confidence;
import io.doraxis.dora.Evidence;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.merge.MergeRefusedException;
import io.doraxis.merge.Strength;
import io.doraxis.naming.Component;
import io.doraxis.naming.ModelFamily;
import io.doraxis.peft.ExportLayout;
import io.doraxis.peft.ExportOutcome;
import io.doraxis.peft.ExportPlan;
import io.doraxis.peft.InputAxis;
import io.doraxis.peft.LossyForm;
import io.doraxis.peft.PeftTensor;
import io.doraxis.peft.PeftType;
import io.doraxis.peft.TransformersNaming;
import io.doraxis.tensorfile.Container;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.Finding;
import io.doraxis.tensorfile.PickleScan;
import io.doraxis.tensorfile.Reason;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Names that are stored in tables which people have: they may be added to, and never renamed. */
class StableNamesTest {
    @Test
    void statuses() {
        are(Status.values(), "OK PARTIAL MALFORMED UNSUPPORTED STORE_ERROR CHANGED SKIPPED");
    }

    @Test
    void changes() {
        are(Change.values(), "NEW CHANGED UNCHANGED VANISHED");
    }

    @Test
    void reasons() {
        are(
                Reason.values(),
                "EMPTY_OBJECT TOO_SMALL GIT_LFS_POINTER CACHE_LINK HTML_PAGE JSON_DOCUMENT PLAIN_TEXT HEADER_TOO_LARGE"
                        + " HEADER_TRUNCATED INVALID_UTF8 INVALID_JSON NESTING_TOO_DEEP WRONG_TYPE DUPLICATE_FIELD"
                        + " MISSING_FIELD UNKNOWN_DTYPE TENSOR_OFFSETS SHAPE_OVERFLOW SUB_BYTE_MISALIGNED"
                        + " SIZE_MISMATCH BODY_TRUNCATED TRAILING_BYTES UNSUPPORTED_CONTAINER OVER_LIMIT"
                        + " INVALID_ZIP INVALID_TAR INVALID_PICKLE MISSING_STORAGE TENSOR_BOUNDS INVALID_SIDE_FILE MISSING_SHARD STORE_NOT_FOUND STORE_FORBIDDEN STORE_FAILED STORE_CHANGED"
                        + " SHORT_BODY WRONG_RANGE");
    }

    @Test
    void findings() {
        are(
                Finding.Code.values(),
                "DUPLICATE_TENSOR_NAME LEADING_WHITESPACE SUSPICIOUS_TENSOR_NAME UNUSUAL_ENTRY_FORM NO_TENSORS"
                        + " INVALID_MAGNITUDE MIXED_AXES UNKNOWN_PRODUCER LEGACY_SIGNED_MEAN INCOMPLETE_MODULE"
                        + " UNRECOGNISED_TENSORS CLAIM_CONFLICT PEFT_CONFIG PEFT_UNKNOWN_FIELD PEFT_DORA_IGNORED PEFT_DORA_MISSING"
                        + " PEFT_UNTARGETED PEFT_PATTERN PEFT_RANK PEFT_BASE_CHANGED PEFT_PREFIX_MISSING NOT_A_PLAIN_TENSOR TRAILING_DATA BYTE_ORDER DENIED_PICKLE_GLOBAL"
                        + " NOT_IN_BASE OTHER_SHAPE_IN_BASE SIDE_FILE_UNREAD SHARDS SHARD_TENSOR_MISSING SHARD_TENSOR_ORPHAN"
                        + " SHARD_TENSOR_REPEATED SHARD_TOTAL_SIZE SHARD_OUTSIDE_FOLDER");
    }

    @Test
    void evidence() {
        are(
                Evidence.Kind.values(),
                "NONE KEY_NAME RECTANGULAR_LAYER SQUARE_LAYER FLAT_LENGTH RENAMED_PEFT_CONV SINGLE_ELEMENT FITS_BOTH"
                        + " FITS_NEITHER VALUE_MATCH METADATA_AGREES METADATA_CONFLICTS");
    }

    @Test
    void axes() {
        are(CheckpointAxis.values(), "INPUT OUTPUT MIXED AMBIGUOUS NONE");
        are(ModuleAxis.values(), "INPUT OUTPUT AMBIGUOUS NONE INVALID");
        are(Confidence.values(), "PROVEN CORROBORATED LIKELY UNKNOWN");
    }

    @Test
    void adapters() {
        are(Algorithm.values(), "LORA LOHA LOKR FULL NORM GLORA IA3 OFT BOFT TLORA");
        are(LayerKind.values(), "LINEAR CONV EMBEDDING NORM UNKNOWN");
        are(CheckpointKind.values(), "ADAPTER MODEL EMBEDDING OPTIMIZER OTHER");
        are(
                Dialect.values(),
                "KOHYA LYCORIS ONETRAINER PEFT DIFFUSERS DIFFUSERS_LEGACY COMFYUI AI_TOOLKIT XLABS CLONEOFSIMO"
                        + " BFL_CONTROL NVLABS MIXED");
    }

    @Test
    void files() {
        are(
                Dtype.values(),
                "F4 F6_E2M3 F6_E3M2 BOOL U8 I8 F8_E5M2 F8_E4M3 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ I16 U16 F16 BF16 I32"
                        + " U32 F32 C64 F64 I64 U64");
        are(
                Container.values(),
                "SAFETENSORS TORCH_ZIP ZIP TORCH_LEGACY TORCH_TAR PICKLE GGUF GGML HDF5 NUMPY GZIP TAR SEVEN_ZIP ZSTD XZ BZIP2"
                        + " RAR ONNX TENSORFLOW TFLITE MSGPACK"
                        + " GIT_LFS_POINTER CACHE_LINK HTML JSON TEXT EMPTY UNKNOWN");
    }

    @Test
    void predictionsAndPickles() {
        are(Outcome.values(), "EXACT APPROXIMATE PARTIAL SILENTLY_WRONG REJECTS UNKNOWN");
        are(PickleScan.Verdict.values(), "NONE ALLOWED UNKNOWN DENIED");
        are(
                ModelFamily.values(),
                "SD15 SD21 SDXL SD3_MEDIUM FLUX1 PIXART_SIGMA WAN21_1_3B WAN21_14B HUNYUAN_VIDEO QWEN_IMAGE LUMINA2"
                        + " LLAMA3_8B CLIP_L CLIP_G CLIP_H T5_XXL");
    }

    @Test
    void runs() {
        are(
                ObjectRole.values(),
                "WEIGHTS ADAPTER_CONFIG SHARD_INDEX IGNORED_CONFIG IGNORED_TEXT IGNORED_MEDIA IGNORED_CACHE"
                        + " IGNORED_OTHER");
        are(ValueUse.values(), "NONE AMBIGUOUS ALL");
    }

    @Test
    void merges() {
        are(
                MergeRefusedException.Code.values(),
                "NOT_AN_ADAPTER UNSUPPORTED_BASE UNSUPPORTED_OUTPUT INCOMPLETE_ROW TOO_LARGE AXIS_AMBIGUOUS"
                        + " STRENGTH_RULE UNMATCHED NOTHING_MATCHED SHAPE_MISMATCH CONTESTED_WEIGHT UNSUPPORTED_MODULE"
                        + " SCALE_UNKNOWN ZERO_NORM NOT_FINITE NO_DEVICE");
    }

    @Test
    void exports() {
        are(ExportOutcome.values(), "EXACT EXACT_WITH_BASE LOSSY IMPOSSIBLE NOT_NEEDED");
        are(
                ExportPlan.Refusal.values(),
                "NOT_EXPRESSIBLE NEEDS_BASE_WEIGHTS NEEDS_BASE_NAMES INPUT_AXIS AXIS_AMBIGUOUS SHAPE_MISMATCH");
        are(PeftType.values(), "LORA LOHA LOKR GLORA IA3");
        are(LossyForm.values(), "REFITTED_MAGNITUDE DORA LORA");
    }

    /** Public enums of which no name is stored. */
    private static final Set<Class<?>> NOT_STORED = Set.of(
            Checkpoint.Form.class,
            ColumnType.Scalar.class,
            Component.class,
            Magnitude.Kind.class,
            InputAxis.class,
            ExportLayout.Names.class,
            PeftTensor.Part.class,
            TransformersNaming.class,
            PeftTensor.Value.class,
            Role.class,
            Strength.Rule.class);

    @Test
    void everyOtherPublicEnumIsNamedInThisTest() {
        Set<Class<?>> named = new ClassFileImporter()
                .importClass(StableNamesTest.class).getDirectDependenciesFromSelf().stream()
                        .map(dependency -> dependency.getTargetClass().reflect())
                        .collect(Collectors.toSet());
        assertThat(new ClassFileImporter()
                        .withImportOption(new ImportOption.DoNotIncludeTests()).importPackages("io.doraxis").stream()
                                .filter(JavaClass::isEnum)
                                .filter(type -> type.getModifiers().contains(JavaModifier.PUBLIC))
                                .map(JavaClass::reflect)
                                .filter(type -> !NOT_STORED.contains(type)))
                .isNotEmpty()
                .allMatch(named::contains, "its names are pinned here");
    }

    @Test
    void columns() {
        List<String> checkpoints = CheckpointColumns.of(new CheckpointColumns.Stamp("1", "1", Instant.EPOCH)).stream()
                .map(Column::name)
                .toList();
        assertThat(String.join(" ", checkpoints))
                .isEqualTo("uri kind container dialect algorithm has_dora axis axis_confidence evidence modules"
                        + " dora_modules ambiguous_modules contradicting_modules rank_min rank_max alpha_summary dtypes"
                        + " tensors parameters files card total_bytes bytes_read requests retries base_family"
                        + " base_family_score base_match"
                        + " metadata_claims claim_conflicts consumers facts peft_export license pickle_globals"
                        + " pickle_verdict warnings status error_code error_message rules_version tool_version"
                        + " scanned_at");
        assertThat(ModuleColumns.COLUMNS.stream().map(Column::name))
                .containsExactly(("uri module layer_kind in_features out_features kernel rank alpha scale algorithm"
                                + " magnitude_key"
                                + " magnitude_shape axis resolved_axis evidence detail")
                        .split(" "));
        assertThat(AtlasColumns.COLUMNS.stream().map(Column::name))
                .containsExactly("base", "module", "weight_shape", "dtype", "row_norms", "col_norms");
        assertThat(ChangeColumns.COLUMNS.stream().map(Column::name)).containsExactly("uri", "change");
    }

    @Test
    void tables() {
        assertThat(List.of(CheckpointColumns.NAME, ModuleColumns.NAME, ChangeColumns.NAME, AtlasColumns.NAME))
                .containsExactly("checkpoints", "modules", "changes", "atlas");
    }

    private static void are(Enum<?>[] constants, String names) {
        assertThat(Stream.of(constants).map(Enum::name)).containsExactly(names.split(" "));
    }
}

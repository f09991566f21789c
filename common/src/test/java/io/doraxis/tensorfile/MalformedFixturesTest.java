package io.doraxis.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.doraxis.fixtures.FakeFile;
import io.doraxis.fixtures.Headers;
import io.doraxis.fixtures.Json;
import io.doraxis.fixtures.Resources;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The verdicts of safetensors 0.8.0, the reference, on odd and broken files. */
class MalformedFixturesTest {
    private static final Json EXPECTED = Resources.json("malformed/expected.json");
    private static final Set<String> MADE_HERE =
            Set.of("many_tensors_100k", "sparse_5gb_tensor", "huge_padding_1M", "metadata_1M_value", "long_key_100k");

    /** What an error text of the reference begins with, the more special first; else the header is not JSON. */
    private static final Map<String, Set<Reason>> BY_ERROR = new LinkedHashMap<>();

    static {
        String json = "invalid JSON in header: ";
        BY_ERROR.put("header too small", Set.of(Reason.EMPTY_OBJECT, Reason.TOO_SMALL));
        BY_ERROR.put("header too large", Set.of(Reason.HEADER_TOO_LARGE));
        BY_ERROR.put("invalid header length", Set.of(Reason.HEADER_TRUNCATED));
        BY_ERROR.put("invalid UTF-8", Set.of(Reason.INVALID_UTF8));
        BY_ERROR.put(json + "unknown variant", Set.of(Reason.UNKNOWN_DTYPE));
        BY_ERROR.put(json + "duplicate field", Set.of(Reason.DUPLICATE_FIELD));
        BY_ERROR.put(json + "missing field", Set.of(Reason.MISSING_FIELD));
        BY_ERROR.put(json + "recursion limit", Set.of(Reason.NESTING_TOO_DEEP));
        BY_ERROR.put(json + "invalid type", Set.of(Reason.WRONG_TYPE));
        BY_ERROR.put(json + "invalid length", Set.of(Reason.WRONG_TYPE));
        BY_ERROR.put("invalid offset", Set.of(Reason.TENSOR_OFFSETS));
        BY_ERROR.put("overflow computing buffer size", Set.of(Reason.SHAPE_OVERFLOW));
        BY_ERROR.put("The slice is slicing for subbytes", Set.of(Reason.SUB_BYTE_MISALIGNED));
        BY_ERROR.put("invalid shape, data type, or offset", Set.of(Reason.SIZE_MISMATCH));
        BY_ERROR.put("incomplete metadata", Set.of(Reason.BODY_TRUNCATED, Reason.TRAILING_BYTES));
    }

    static List<String> stored() {
        return EXPECTED.keys().stream()
                .filter(name -> !MADE_HERE.contains(name))
                .toList();
    }

    @ParameterizedTest
    @MethodSource("stored")
    void acceptsAndRejectsWhatTheReferenceDoes(String name) {
        byte[] bytes = Resources.bytes("malformed/files/" + name + ".safetensors");
        assertThat(bytes).hasSize((int) EXPECTED.get(name).get("bytes").number());
        if (EXPECTED.get(name).get("valid").flag()) {
            assertThatCode(() -> read(bytes)).doesNotThrowAnyException();
        } else {
            MalformedTensorFileException rejection =
                    catchThrowableOfType(MalformedTensorFileException.class, () -> read(bytes));
            assertThat(rejection).as(EXPECTED.get(name).get("error").text()).isNotNull();
            if (!name.equals("offsets_u64_max")) { // its offsets wrap before its size does
                assertThat(rejection.reason())
                        .isIn(reasons(EXPECTED.get(name).get("error").text()));
            }
            assertThat(rejection)
                    .hasMessageStartingWith(rejection.reason() + " at byte " + rejection.offset() + ": found ")
                    .hasMessageContaining(", expected ");
        }
    }

    @ParameterizedTest
    @MethodSource("stored")
    void namesTheTensorsThatTheReferenceNames(String name) throws Exception {
        if (!EXPECTED.get(name).has("keys")) {
            return;
        }
        TensorIndex index = read(Resources.bytes("malformed/files/" + name + ".safetensors"));
        assertThat(index.tensors())
                .extracting(TensorInfo::name)
                .containsExactlyInAnyOrderElementsOf(EXPECTED.get(name).get("keys").items().stream()
                        .map(Json::text)
                        .toList());
        if (EXPECTED.get(name).has("metadata")) {
            Json metadata = EXPECTED.get(name).get("metadata");
            assertThat(index.metadata().keySet()).isEqualTo(metadata.keys());
            index.metadata()
                    .forEach((key, value) ->
                            assertThat(value).isEqualTo(metadata.get(key).text()));
        }
    }

    @Test
    void everyStoredFileHasAVerdictAndEveryVerdictAFile() {
        assertThat(new TreeSet<>(stored()))
                .isEqualTo(new TreeSet<>(Resources.names("malformed/files").stream()
                        .map(name -> name.replace(".safetensors", ""))
                        .toList()));
        assertThat(EXPECTED.keys()).containsAll(MADE_HERE).hasSize(111);
    }

    @Test
    void aMegabyteOfPaddingIsAccepted() throws Exception {
        byte[] bytes = Headers.file("{}" + " ".repeat(1_000_000), 0);
        assertThat(bytes)
                .hasSize((int) EXPECTED.get("huge_padding_1M").get("bytes").number());
        assertThat(read(bytes).tensors()).isEmpty();
    }

    @Test
    void aMetadataTextOfAMegabyteIsCheckedAndDropped() throws Exception {
        byte[] bytes = Headers.file("{\"__metadata__\": {\"k\": \"" + "x".repeat(1_000_000) + "\"}}", 0);
        assertThat(bytes)
                .hasSize((int) EXPECTED.get("metadata_1M_value").get("bytes").number());
        assertThat(read(bytes).metadata()).isEmpty();
    }

    @Test
    void aNameOfAHundredKilobytesIsKept() throws Exception {
        String name = "k".repeat(100_000);
        byte[] bytes =
                Headers.file("{\"" + name + "\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0, 8]}}", 8);
        assertThat(bytes)
                .hasSize((int) EXPECTED.get("long_key_100k").get("bytes").number());
        assertThat(read(bytes).tensors().get(0).name()).isEqualTo(name);
    }

    @Test
    void aHundredThousandTensorsAreRead() throws Exception {
        StringBuilder header = new StringBuilder("{");
        for (int i = 0; i < 100_000; i++) {
            header.append("\"t%d\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[%d,%d]},".formatted(i, i, i + 1));
        }
        header.setCharAt(header.length() - 1, '}');
        TensorIndex index = read(Headers.file(header.toString(), 100_000));
        assertThat(index.tensors()).hasSize(100_000);
        assertThat(index.tensors().get(99_999).name()).isEqualTo("t99999");
        assertThat(index.tensors().get(99_999).end()).isEqualTo(8L + header.length() + 100_000);
    }

    @Test
    void aBodyOfFiveGigabytesIsNotTouched() throws Exception {
        long body = 5L << 30;
        byte[] start = Headers.file(Headers.entry("\"U8\"", "[" + body + "]", "[0," + body + "]"), 0);
        FakeFile file = FakeFile.of(start.length + body, position -> start[(int) position]);
        TensorIndex index = SafetensorsReader.read(file, file.head(64), 64);
        assertThat(index.tensors()).singleElement().satisfies(tensor -> {
            assertThat(tensor.bytes()).isEqualTo(5_368_709_120L);
            assertThat(tensor.end()).isEqualTo(file.length());
        });
        assertThat(file.bytesRead()).isEqualTo(start.length - 64);
    }

    private static TensorIndex read(byte[] bytes) throws MalformedTensorFileException, IOException {
        return SafetensorsReader.read(FakeFile.of(bytes), bytes, bytes.length);
    }

    /** The codes for an error text of the reference. */
    private static Set<Reason> reasons(String error) {
        String text = error.replace("SafetensorError: Error while deserializing header: ", "");
        for (Map.Entry<String, Set<Reason>> entry : BY_ERROR.entrySet()) {
            if (text.startsWith(entry.getKey())) {
                return entry.getValue();
            }
        }
        return Set.of(Reason.INVALID_JSON);
    }
}

package io.doraxis.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.doraxis.fixtures.FakeFile;
import io.doraxis.fixtures.Headers;
import io.doraxis.fixtures.Resources;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Whatever the bytes are: an index or a rejection, at once, and never another exception. */
class DamagedFilePropertiesTest {
    private static final byte[] VALID = Resources.bytes("golden/lokr_tucker_dora_out/adapter.safetensors");
    private static final int HEADER_END = (VALID[0] & 0xff | (VALID[1] & 0xff) << 8) + 8;
    private static final String ALPHABET = "{}[]\",:\\ \n0123456789-+.eEuUtfn\u0000\u007f\u00c3\u00a9\u00ed\u00f0";

    @Test
    void aFileCutAtAnyByteIsRejected() {
        for (int length = 0; length < VALID.length; length++) {
            byte[] cut = Arrays.copyOf(VALID, length);
            assertThatThrownBy(() -> SafetensorsReader.read(FakeFile.of(cut), cut, cut.length))
                    .isInstanceOf(MalformedTensorFileException.class);
        }
    }

    @Test
    void aHeaderCutAtAnyByteIsRejected() {
        for (int length = 8; length < HEADER_END; length++) {
            byte[] cut = Headers.file(Arrays.copyOfRange(VALID, 8, length), VALID.length - HEADER_END);
            if (VALID[length - 1] != ' ' && VALID[length] != ' ') { // the padding may be cut
                assertThatThrownBy(() -> SafetensorsReader.read(FakeFile.of(cut), cut, cut.length))
                        .isInstanceOf(MalformedTensorFileException.class);
            }
        }
    }

    @Property(tries = 20_000, seed = "1201")
    void aFlippedByteNeverCrashesTheReader(
            @ForAll("headerPosition") int position, @ForAll @IntRange(min = 1, max = 255) int flip) {
        byte[] bytes = VALID.clone();
        bytes[position] ^= (byte) flip;
        neverCrashes(bytes, 8 + position % 64);
    }

    @Provide
    Arbitrary<Integer> headerPosition() {
        return Arbitraries.integers()
                .between(0, HEADER_END - 1)
                .withDistribution(net.jqwik.api.RandomDistribution.uniform());
    }

    @Property(tries = 5_000, seed = "1202")
    void randomBytesNeverCrashTheReader(@ForAll @Size(max = 600) byte[] bytes) {
        neverCrashes(bytes, 16);
        neverCrashes(Headers.file(bytes, 0), 16);
    }

    @Property(tries = 20_000, seed = "1203")
    void randomJsonishTextNeverCrashesTheReader(@ForAll long seed) {
        Random random = new Random(seed);
        StringBuilder header = new StringBuilder(random.nextBoolean() ? "{\"a\":{" : "");
        for (int i = random.nextInt(80); i > 0; i--) {
            header.append(ALPHABET.charAt(random.nextInt(ALPHABET.length())));
        }
        neverCrashes(Headers.file(header.toString(), random.nextInt(3)), 8 + random.nextInt(20));
    }

    @Test
    @Timeout(10)
    void everyPrefixAndSuffixOfJsonIsReadAtOnce() {
        List<String> parts = List.of(
                "{",
                "}",
                "[",
                "]",
                "\"",
                "\\",
                "\\u",
                "\\ud83d",
                "\"a\":",
                "\"dtype\":\"U8\"",
                "\"shape\":[",
                ",",
                "1e",
                "-",
                "\"__metadata__\":",
                "\"data_offsets\":[0,0]",
                "tru",
                "null");
        for (String first : parts) {
            for (String second : parts) {
                for (String third : parts) {
                    neverCrashes(Headers.file("{" + first + second + third, 0), 8);
                    neverCrashes(Headers.file("{\"a\":{" + first + second + third, 0), 9);
                }
            }
        }
    }

    private static void neverCrashes(byte[] bytes, int headSize) {
        FakeFile file = FakeFile.of(bytes);
        byte[] head = file.head(headSize);
        try {
            TensorIndex index = SafetensorsReader.read(file, head, head.length);
            assertThat(index.dataStart()).isLessThanOrEqualTo(bytes.length);
        } catch (MalformedTensorFileException e) {
            assertThat(e.offset()).isBetween(0L, (long) bytes.length);
        } catch (Exception e) {
            throw new AssertionError(Arrays.toString(bytes), e);
        }
    }
}

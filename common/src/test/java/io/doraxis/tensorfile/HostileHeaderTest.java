package io.doraxis.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import io.doraxis.fixtures.FakeFile;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Headers made to cost time or memory. */
@Timeout(30)
class HostileHeaderTest {
    private static final int WINDOW = 1 << 16;
    private static final long LARGEST = 100_000_000;

    @Test
    void ninetyNineMegabytesOfNulsAreRejectedAfterOneWindow() {
        FakeFile file = ofHeader(99_000_000, "", '\0', "");
        assertThatThrownBy(() -> SafetensorsReader.read(file, file.head(8), 8))
                .hasMessage("INVALID_JSON at byte 8: found byte 0x00, expected the header's opening brace");
        assertThat(file.bytesRead()).isEqualTo(WINDOW);
    }

    @Test
    void aHundredMegabytesOfOpeningBracketsAreRejectedAfterOneWindow() {
        FakeFile file = ofHeader(LARGEST, "{\"a\":{\"x\":", '[', "");
        assertThatThrownBy(() -> SafetensorsReader.read(file, file.head(8), 8))
                .hasMessage("NESTING_TOO_DEEP at byte 143: found level 128, expected at most 127 levels");
        assertThat(file.bytesRead()).isEqualTo(WINDOW);
    }

    @Test
    void aMetadataTextOfAHundredMegabytesCostsAWindowOfMemory() throws Exception {
        FakeFile file = ofHeader(LARGEST, "{\"__metadata__\":{\"ss_tag_frequency\":\"", 'x', "\",\"k\":\"v\"}}");
        byte[] head = file.head(4096);
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long thread = Thread.currentThread().getId();
        long before = threads.getThreadAllocatedBytes(thread);
        TensorIndex index = SafetensorsReader.read(file, head, head.length);
        long allocated = threads.getThreadAllocatedBytes(thread) - before;
        assertThat(index.metadata()).containsOnlyKeys("k").containsEntry("k", "v");
        assertThat(allocated).isLessThan(1 << 20);
        assertThat(file.bytesRead()).isEqualTo(LARGEST + 8 - 4096);
        assertThat(file.requests()).isEqualTo(1);
    }

    @Test
    void aHundredMegabytesOfPaddingCostAWindowOfMemory() throws Exception {
        FakeFile file = ofHeader(LARGEST, "{}", ' ', "");
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long thread = Thread.currentThread().getId();
        long before = threads.getThreadAllocatedBytes(thread);
        SafetensorsReader.read(file, file.head(4096), 4096);
        assertThat(threads.getThreadAllocatedBytes(thread) - before).isLessThan(1 << 20);
    }

    @Test
    void aNameOfAHundredMegabytesIsOverALimitAndNotKept() {
        assertOverLimit(
                ofHeader(LARGEST, "{\"", 'n', "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"),
                "OVER_LIMIT at byte 9: found a name of more than 1048576 bytes, expected what a program would write");
    }

    @Test
    void aNumberOfAHundredMegabytesIsOverALimitAndNotKept() {
        assertOverLimit(
                ofHeader(LARGEST, "{\"a\":{\"x\":1", '0', ",\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"),
                "OVER_LIMIT at byte 1048594: found a number of more than 1048576 digits, expected what a program would write");
    }

    @Test
    void aShapeOfFiftyMillionDimensionsIsOverALimit() {
        String dims = "1,".repeat(2000);
        String header = "{\"a\":{\"dtype\":\"U8\",\"shape\":[" + dims + "1],\"data_offsets\":[0,1]}}";
        assertOverLimit(
                ofHeader(header.length(), header, ' ', ""),
                "OVER_LIMIT at byte 2084: found a shape of more than 1024 dimensions, expected what a program would write");
    }

    @Test
    void moreTensorsThanAnyModelHasAreOverALimit() {
        StringBuilder header = new StringBuilder("{");
        for (int i = 0; i <= 250_000; i++) {
            header.append('"').append(i).append("\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},");
        }
        header.setCharAt(header.length() - 1, '}');
        assertThatThrownBy(() -> {
                    FakeFile file = ofHeader(header.length(), header.toString(), ' ', "");
                    SafetensorsReader.read(file, file.head(4096), 4096);
                })
                .hasMessageContaining("found more than 250000 tensors");
    }

    private static void assertOverLimit(FakeFile file, String message) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long thread = Thread.currentThread().getId();
        long before = threads.getThreadAllocatedBytes(thread);
        int head = (int) Math.min(4096, file.length());
        assertThatThrownBy(() -> SafetensorsReader.read(file, file.head(head), head))
                .hasMessage(message);
        assertThat(threads.getThreadAllocatedBytes(thread) - before).isLessThan(8 << 20);
    }

    @Test
    void findingsAreFewHoweverOddTheFile() throws Exception {
        StringBuilder header = new StringBuilder(" {");
        for (int i = 0; i < 1000; i++) {
            header.append("\"../%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},".formatted(i));
        }
        header.setCharAt(header.length() - 1, '}');
        FakeFile file = ofHeader(header.length(), header.toString(), ' ', "");
        TensorIndex index = SafetensorsReader.read(file, file.head(1 << 20), (int) file.length());
        assertThat(index.tensors()).hasSize(1000);
        assertThat(index.findings())
                .extracting(Finding::toString)
                .containsExactly(
                        "LEADING_WHITESPACE: white space before the header's first brace",
                        "SUSPICIOUS_TENSOR_NAME: 1000 names: '../0', '../1', '../2', '../3', '../4'");
    }

    /** A file that is all header: a start, an end, and one byte repeated between them. */
    private static FakeFile ofHeader(long length, String start, char filling, String end) {
        byte[] prefix = ByteBuffer.allocate(8 + start.length())
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(length)
                .put(start.getBytes(StandardCharsets.US_ASCII))
                .array();
        byte[] suffix = end.getBytes(StandardCharsets.US_ASCII);
        long suffixStart = length + 8 - suffix.length;
        return FakeFile.of(
                length + 8,
                position -> position < prefix.length
                        ? prefix[(int) position]
                        : position >= suffixStart ? suffix[(int) (position - suffixStart)] : filling);
    }
}

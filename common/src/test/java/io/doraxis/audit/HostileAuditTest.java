package io.doraxis.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.audit.CheckpointColumns.Stamp;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.fixtures.PickleBuilder;
import io.doraxis.tensorfile.Reason;
import java.time.Instant;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Small files that are made to fail or to stall an audit: each becomes a row, soon. */
@Timeout(value = 20, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class HostileAuditTest {
    private static final Stamp STAMP = new Stamp("rules", "tool", Instant.EPOCH);

    private static Arguments of(String what, String fileName, Reason reason, Supplier<byte[]> file) {
        return Arguments.of(what, fileName, reason, file);
    }

    private static PickleBuilder pkl() {
        return new PickleBuilder().op(0x80, 4);
    }

    static Stream<Arguments> files() {
        return Stream.of(
                of(
                        "a name of 2^40 tuples",
                        "a.bin",
                        Reason.UNSUPPORTED_CONTAINER,
                        () -> pkl().op(')')
                                .repeated(40, '2', 0x86)
                                .op(0x8c, 1, 'x', 0x93, '.')
                                .bytes()),
                of(
                        "a name of nested tuples",
                        "a.bin",
                        Reason.UNSUPPORTED_CONTAINER,
                        () -> pkl().op(')')
                                .repeated(100_000, 0x85)
                                .op(0x8c, 1, 'x', 0x93, '.')
                                .bytes()),
                of("a length that does not end", "a.pb", Reason.UNSUPPORTED_CONTAINER, () ->
                        new byte[] {8, 1, 0x12, -1, -1, -1, -1, -1}),
                of(
                        "a storage of 2^62 doubles that no tensor shows",
                        "a.pt",
                        Reason.BODY_TRUNCATED,
                        () -> PickleBuilder.legacy(new PickleBuilder()
                                .op(0x80, 2, '(')
                                .text("storage")
                                .global("torch", "DoubleStorage")
                                .text("0")
                                .text("cpu")
                                .number(1L << 62)
                                .op('t', 'Q', '.')
                                .op(0x80, 2, ']', '(')
                                .text("0")
                                .op('e', '.')
                                .int64(1L << 62))));
    }

    @ParameterizedTest(name = "{0}: {2}")
    @MethodSource("files")
    void becomesARow(String what, String fileName, Reason reason, Supplier<byte[]> bytes) {
        FetchedFile file = AuditFiles.fetched(fileName, bytes.get());
        CheckpointAudit audit = new CheckpointAuditor(ConsumerRules.bundled())
                .audit(Checkpoint.file(file.object()), List.of(file), null, CheckpointAuditor.ValueSource.IN_HAND);

        assertThat(audit.reading().reason()).as(audit.reading().message()).isEqualTo(reason);
        assertThat(CheckpointColumns.of(STAMP))
                .allSatisfy(column -> column.value().apply(audit));
    }
}

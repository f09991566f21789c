package io.doraxis.audit;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.doraxis.audit.CheckpointColumns.Stamp;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.fixtures.FakeFile;
import io.doraxis.fixtures.Resources;
import io.doraxis.naming.Families;
import io.doraxis.tensorfile.Container;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Mutants of real files, for as many seconds as {@code -Ddoraxis.fuzz.seconds} says: each becomes a row, at once, and
 * within memory in proportion to it. A failure names the seed; {@code -Ddoraxis.fuzz.seed} tries it alone.
 */
class ParserFuzzTest {
    private static final double SECONDS = Double.parseDouble(System.getProperty("doraxis.fuzz.seconds", "1"));
    private static final Long SEED = Long.getLong("doraxis.fuzz.seed");

    /** Allocated, not held: rows, tensors, names. The most that a byte of a pickle costs is a value of some 60 bytes. */
    private static final long ALLOCATED_PER_BYTE = 400;

    private static final long ALLOCATED_ANYWAY = 8L << 20;
    private static final long MOST_MILLIS = 5_000;
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    private static final Stamp STAMP = new Stamp("rules", "tool", Instant.EPOCH);

    /** A kind of file with examples of it. */
    private record Corpus(String name, String fileName, List<byte[]> files) {
        @Override
        public String toString() {
            return name;
        }
    }

    /** What the first audit loads for all that follow is not counted. */
    @BeforeAll
    static void loadTables() {
        Families.match(1, i -> new Families.Layer("a", 1, 1, false));
    }

    static Stream<Corpus> corpora() {
        return Stream.of(
                corpus("safetensors", "a.safetensors", "golden/", "/adapter.safetensors", ""),
                corpus("torch zip", "a.pt", "torch/", "", "zip"),
                corpus("torch legacy", "a.bin", "torch/", "", "legacy"),
                corpus("torch tar", "a.pt", "torch/", "", "tar"));
    }

    private static Corpus corpus(String name, String fileName, String folder, String file, String prefix) {
        List<byte[]> files = Resources.names(folder).stream()
                .filter(entry -> entry.startsWith(prefix) && !entry.endsWith(".json"))
                .filter(entry -> Files.isRegularFile(Resources.path(folder).resolve(entry + file)))
                .map(entry -> Resources.bytes(folder + entry + file))
                .toList();
        return new Corpus(name, fileName, files);
    }

    @ParameterizedTest
    @MethodSource("corpora")
    void everyMutantBecomesARow(Corpus corpus) {
        assertThat(corpus.files()).hasSizeGreaterThan(5);
        long end = System.nanoTime() + (long) (SECONDS * 1e9);
        long seed = SEED == null ? 1 : SEED;
        long mutants = 0;
        do {
            Random random = new Random(seed);
            byte[] mutant = mutant(corpus.files(), random);
            audited(
                    corpus.fileName(),
                    mutant,
                    random.nextInt(4) == 0 ? Container.SIGNATURE_BYTES : mutant.length,
                    seed);
            mutants++;
            seed++;
        } while (SEED == null && System.nanoTime() < end);
        System.out.printf("%s: %,d mutants%n", corpus.name(), mutants);
    }

    private static byte[] mutant(List<byte[]> files, Random random) {
        byte[] bytes = files.get(random.nextInt(files.size())).clone();
        for (int i = 1 + random.nextInt(4); i > 0; i--) {
            bytes = mutate(bytes, files, random);
        }
        return bytes;
    }

    private static byte[] mutate(byte[] bytes, List<byte[]> files, Random random) {
        if (bytes.length < 16) {
            return bytes;
        }
        int at = random.nextInt(4) == 0 ? random.nextInt(bytes.length) : random.nextInt(Math.min(bytes.length, 2_000));
        int count = 1 + random.nextInt(Math.min(64, bytes.length - at));
        switch (random.nextInt(7)) {
            case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
            case 1 -> bytes[at] = (byte) random.nextInt(256);
            case 2 -> Arrays.fill(bytes, at, at + count, (byte) (random.nextBoolean() ? 0xff : 0));
            case 3 -> {
                return Arrays.copyOf(bytes, at);
            }
            case 4 -> { // some bytes twice
                byte[] longer = Arrays.copyOf(bytes, bytes.length + count);
                System.arraycopy(bytes, at, longer, at + count, bytes.length - at);
                return longer;
            }
            case 5 -> {
                byte[] other = files.get(random.nextInt(files.size()));
                int from = random.nextInt(Math.max(1, other.length - count));
                System.arraycopy(other, from, bytes, at, Math.min(count, other.length - from));
            }
            default -> { // the end, where a zip's directory is
                int fromEnd = bytes.length - 1 - random.nextInt(Math.min(bytes.length, 600));
                bytes[fromEnd] = (byte) random.nextInt(256);
            }
        }
        return bytes;
    }

    private static void audited(String fileName, byte[] bytes, int inHand, long seed) {
        FetchedFile file = AuditFiles.fetched(fileName, FakeFile.of(bytes), inHand);
        long allocated = THREADS.getCurrentThreadAllocatedBytes();
        long started = System.nanoTime();
        CheckpointAudit audit;
        try {
            audit = new CheckpointAuditor(ConsumerRules.bundled())
                    .audit(Checkpoint.file(file.object()), List.of(file), null, CheckpointAuditor.ValueSource.IN_HAND);
            CheckpointColumns.of(STAMP).forEach(column -> column.value().apply(audit));
        } catch (RuntimeException | Error e) {
            throw new AssertionError("seed " + seed, e);
        }
        assertThat((System.nanoTime() - started) / 1_000_000)
                .as("ms, seed " + seed)
                .isLessThan(MOST_MILLIS);
        assertThat(THREADS.getCurrentThreadAllocatedBytes() - allocated)
                .as("bytes allocated for " + bytes.length + ", seed " + seed)
                .isLessThan(ALLOCATED_ANYWAY + ALLOCATED_PER_BYTE * bytes.length);
        assertThat(audit.reading().status() == Status.OK)
                .isEqualTo(audit.reading().reason() == null);
    }
}

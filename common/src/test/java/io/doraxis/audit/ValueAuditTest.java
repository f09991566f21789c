package io.doraxis.audit;

import static io.doraxis.audit.AuditFiles.fetched;
import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.catalog.Checkpoint;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.dora.Atlas;
import io.doraxis.dora.CheckpointAxis;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.dora.Confidence;
import io.doraxis.dora.Evidence;
import io.doraxis.dora.WeightNorms;
import io.doraxis.fixtures.FakeFile;
import io.doraxis.fixtures.Resources;
import io.doraxis.tensorfile.SafetensorsReader;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorInfo;
import java.io.ByteArrayInputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Square layers with flat magnitudes, decided by the norms of their base model. */
class ValueAuditTest {
    private static Atlas atlas(String... cases) throws Exception {
        Atlas.Builder atlas = new Atlas.Builder();
        for (String name : cases) {
            byte[] base = Resources.bytes("golden/" + name + "/base.safetensors");
            for (TensorInfo tensor :
                    SafetensorsReader.read(FakeFile.of(base), base, base.length).tensors()) {
                if (tensor.name().endsWith(".weight") && WeightNorms.has(tensor.shape(), tensor.dtype())) {
                    atlas.add(
                            name,
                            tensor.name().substring(0, tensor.name().length() - ".weight".length()),
                            tensor.shape(),
                            WeightNorms.of(
                                    tensor.shape(),
                                    tensor.dtype(),
                                    new ByteArrayInputStream(base, (int) tensor.begin(), (int) tensor.bytes())));
                }
            }
        }
        return atlas.build();
    }

    private static CheckpointAudit audit(byte[] adapter, Atlas atlas, ValueUse use) {
        FetchedFile file = fetched("a.safetensors", adapter);
        return new CheckpointAuditor(ConsumerRules.bundled(), null, atlas, use)
                .audit(Checkpoint.file(file.object()), List.of(file), null, CheckpointAuditor.ValueSource.IN_HAND);
    }

    private static CheckpointAudit golden(String name, Atlas atlas, ValueUse use) {
        return audit(Resources.bytes("golden/" + name + "/adapter.safetensors"), atlas, use);
    }

    @Test
    void aFileThatShapesLeaveOpenIsLikelyOnTheAxisThatItsValuesGoAlongWith() throws Exception {
        CheckpointAudit audit = golden("all_square_1d", atlas("all_square_1d", "partly_square_1d"), ValueUse.AMBIGUOUS);
        CheckpointVerdict verdict = audit.adapter().verdict();

        assertThat(verdict.axis()).isEqualTo(CheckpointAxis.INPUT);
        assertThat(verdict.confidence()).isEqualTo(Confidence.LIKELY);
        assertThat(verdict.evidence()).extracting(Evidence::kind).contains(Evidence.Kind.VALUE_MATCH);
        assertThat(verdict.ambiguousModules()).isEqualTo(5);
        assertThat(audit.adapter().values().base()).isEqualTo("all_square_1d");
        assertThat(audit.adapter().values().runnerUp()).isEqualTo("partly_square_1d");
    }

    @Test
    void valuesAgreeWithTheLayersThatShapesDecide() throws Exception {
        CheckpointVerdict verdict = golden("partly_square_1d", atlas("partly_square_1d"), ValueUse.AMBIGUOUS)
                .adapter()
                .verdict();

        assertThat(verdict.axis()).isEqualTo(CheckpointAxis.INPUT);
        assertThat(verdict.confidence()).isEqualTo(Confidence.PROVEN);
        assertThat(verdict.evidence())
                .filteredOn(evidence -> evidence.kind() == Evidence.Kind.VALUE_MATCH)
                .singleElement()
                .satisfies(evidence -> assertThat(evidence.detail()).startsWith("INPUT: "));
    }

    @Test
    void withoutAnAtlasOrTheWishForItNothingIsDecided() throws Exception {
        Atlas atlas = atlas("all_square_1d");
        assertThat(golden("all_square_1d", null, ValueUse.ALL)
                        .adapter()
                        .verdict()
                        .axis())
                .isEqualTo(CheckpointAxis.AMBIGUOUS);
        assertThat(golden("all_square_1d", atlas, ValueUse.NONE)
                        .adapter()
                        .verdict()
                        .axis())
                .isEqualTo(CheckpointAxis.AMBIGUOUS);
    }

    @Test
    void theNormsOfAnotherModelDecideNothing() throws Exception {
        CheckpointAudit audit = golden("all_square_1d", atlas("partly_square_1d"), ValueUse.ALL);

        assertThat(audit.adapter().verdict().axis()).isEqualTo(CheckpointAxis.AMBIGUOUS);
    }

    /** One square layer of known axis, its magnitude the base's norms with that drift. */
    private static CheckpointAxis decided(int n, double spread, double drift, boolean input, Random random) {
        float[] rows = new float[n];
        float[] columns = new float[n];
        float[] magnitude = new float[n];
        for (int i = 0; i < n; i++) {
            rows[i] = (float) Math.exp(spread * random.nextGaussian());
            columns[i] = (float) Math.exp(spread * random.nextGaussian());
            magnitude[i] = (float) ((input ? columns[i] : rows[i]) * Math.exp(drift * random.nextGaussian()));
        }
        List<Tensor> tensors = new ArrayList<>();
        tensors.add(Tensor.ofFloats("lycoris_a.lora_down.weight", Shape.of(1, n), new float[n]));
        tensors.add(Tensor.ofFloats("lycoris_a.lora_up.weight", Shape.of(n, 1), new float[n]));
        tensors.add(Tensor.ofFloats("lycoris_a.dora_scale", Shape.of(n), magnitude));
        Atlas atlas = new Atlas.Builder()
                .add("base", "a", Shape.of(n, n), new WeightNorms(rows, columns))
                .build();
        return audit(AuditFiles.file(tensors.toArray(Tensor[]::new)), atlas, ValueUse.AMBIGUOUS)
                .adapter()
                .verdict()
                .axis();
    }

    @Test
    void ofTwoThousandLayersNoneIsDecidedWronglyAndMostAre() {
        Random random = new Random(11);
        int decided = 0;
        for (int i = 0; i < 2_000; i++) {
            int n = new int[] {64, 128, 320}[i % 3];
            double spread = 0.02 + 0.3 * random.nextDouble();
            double drift = 0.02 + 0.28 * random.nextDouble();
            boolean input = random.nextBoolean();
            CheckpointAxis axis = decided(n, spread, drift, input, random);
            if (axis != CheckpointAxis.AMBIGUOUS) {
                decided++;
                assertThat(axis).isEqualTo(input ? CheckpointAxis.INPUT : CheckpointAxis.OUTPUT);
            }
        }
        assertThat(decided).isGreaterThan(1_200);
    }
}

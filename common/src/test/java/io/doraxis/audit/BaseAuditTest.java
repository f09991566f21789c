package io.doraxis.audit;

import static io.doraxis.audit.AuditFiles.fetched;
import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.LayerKind;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.naming.BaseNames;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.Finding;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorInfo;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** An adapter held against the base model that it belongs to, or does not. */
class BaseAuditTest {
    private static TensorInfo weight(String name, long... dims) {
        return new TensorInfo(name, Dtype.F32, Shape.of(dims), 0, 0);
    }

    private static Tensor zeros(String name, int... dims) {
        long[] shape = Arrays.stream(dims).asLongStream().toArray();
        return Tensor.ofFloats(
                name, Shape.of(shape), new float[Arrays.stream(dims).reduce(1, (a, b) -> a * b)]);
    }

    private static CheckpointAudit audit(List<TensorInfo> base, Tensor... tensors) {
        FetchedFile file = fetched("a.safetensors", AuditFiles.file(tensors));
        return new CheckpointAuditor(ConsumerRules.bundled(), BaseNames.of(base), null, ValueUse.NONE)
                .audit(Checkpoint.file(file.object()), List.of(file), null, CheckpointAuditor.ValueSource.IN_HAND);
    }

    private static AdapterModule module(CheckpointAudit audit) {
        return audit.adapter().index().modules().get(0);
    }

    @Test
    void theBaseWeightIsNamed() {
        CheckpointAudit audit = audit(
                List.of(weight("unet.b.lin.weight", 5, 3)),
                zeros("lora_unet_b_lin.lora_down.weight", 1, 3),
                zeros("lora_unet_b_lin.lora_up.weight", 5, 1));

        assertThat(module(audit).notes()).contains("base weight unet.b.lin.weight");
        assertThat(audit.findings()).isEmpty();
    }

    @Test
    void flattenedFactorsTakeTheKernelFromTheBase() {
        CheckpointAudit audit = audit(
                List.of(weight("b.conv.weight", 6, 4, 3, 3)),
                zeros("lycoris_b_conv.hada_w1_a", 6, 2),
                zeros("lycoris_b_conv.hada_w1_b", 2, 36),
                zeros("lycoris_b_conv.hada_w2_a", 6, 2),
                zeros("lycoris_b_conv.hada_w2_b", 2, 36),
                zeros("lycoris_b_conv.dora_scale", 4));

        assertThat(module(audit).layerKind()).isEqualTo(LayerKind.CONV);
        assertThat(module(audit).in()).isEqualTo(4);
        assertThat(module(audit).kernel()).isEqualTo(Shape.of(3, 3));
        assertThat(audit.adapter().verdict().axis().name()).isEqualTo("INPUT");
    }

    @Test
    void aModuleThatTheBaseLacksIsNoticed() {
        CheckpointAudit audit = audit(
                List.of(weight("b.other.weight", 5, 3)),
                zeros("lora_unet_b_lin.lora_down.weight", 1, 3),
                zeros("lora_unet_b_lin.lora_up.weight", 5, 1));

        assertThat(audit.findings())
                .extracting(Finding::toString)
                .containsExactly(
                        "NOT_IN_BASE: 1 modules are not in the base, or not in one place, such as lora_unet_b_lin");
    }

    @Test
    void aWeightOfAnotherShapeIsNoticed() {
        CheckpointAudit audit = audit(
                List.of(weight("b.lin.weight", 5, 4)),
                zeros("lora_unet_b_lin.lora_down.weight", 1, 3),
                zeros("lora_unet_b_lin.lora_up.weight", 5, 1));

        assertThat(audit.findings()).extracting(Finding::code).containsExactly(Finding.Code.OTHER_SHAPE_IN_BASE);
        assertThat(module(audit).notes()).contains("base weight b.lin.weight is [5, 4], the factors give [5, 3]");
    }

    @Test
    void aSquareLayerWithAFlatMagnitudeStaysAmbiguous() {
        CheckpointAudit audit = audit(
                List.of(weight("b.lin.weight", 3, 3)),
                zeros("lora_unet_b_lin.lora_down.weight", 1, 3),
                zeros("lora_unet_b_lin.lora_up.weight", 3, 1),
                zeros("lora_unet_b_lin.dora_scale", 3));

        assertThat(audit.adapter().verdict().axis().name()).isEqualTo("AMBIGUOUS");
    }
}

package io.doraxis.peft;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Algorithm;
import io.doraxis.adapter.PeftConfig;
import io.doraxis.adapter.Role;
import io.doraxis.dora.AxisClassifier;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.fixtures.FakeFile;
import io.doraxis.fixtures.GoldenCase;
import io.doraxis.merge.DeltaWeight;
import io.doraxis.naming.BaseNames;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.FloatDecoder;
import io.doraxis.tensorfile.FloatEncoder;
import io.doraxis.tensorfile.SafetensorsReader;
import io.doraxis.tensorfile.SafetensorsWriter;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorIndex;
import io.doraxis.tensorfile.TensorInfo;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** From LyCORIS' files to PEFT's and back: the same weights, and the same bytes of what had not to be computed. */
class RoundTripTest {
    private static final double TOLERANCE = 1e-6;

    /** Golden files of LyCORIS and others that PEFT's layout holds exactly. */
    static List<String> exact() throws Exception {
        List<String> exact = new ArrayList<>();
        for (String name : GoldenCase.names()) {
            GoldenCase golden = GoldenCase.of(name);
            boolean said = golden.truth().has("peft_export")
                    && golden.truth().get("peft_export").get("exact").flag();
            if (said && golden.config() == null) {
                exact.add(name);
            }
        }
        return exact;
    }

    /** An adapter with its values. */
    private record Stored(TensorIndex index, AdapterIndex adapter, TensorData data, PeftConfig config) {
        static Stored of(List<PeftModule> modules, TensorData source, byte[] config) throws Exception {
            List<Tensor> tensors = new ArrayList<>();
            for (PeftModule module : modules) {
                ModuleValues values = new ModuleValues(module.source(), source, ModuleAxis.NONE, null);
                for (PeftTensor tensor : module.tensors()) {
                    tensors.add(
                            new Tensor(tensor.name(), tensor.dtype(), tensor.shape(), bytes(tensor, values, source)));
                }
            }
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            SafetensorsWriter.write(out, tensors, Map.of());
            byte[] file = out.toByteArray();
            TensorIndex index = SafetensorsReader.read(FakeFile.of(file), file, file.length);
            PeftConfig parsed = config == null ? null : PeftConfig.parse(config);
            TensorData data = TensorData.ofHead(file, file.length);
            return new Stored(index, AdapterIndex.of(index, data, parsed), data, parsed);
        }

        private static byte[] bytes(PeftTensor tensor, ModuleValues values, TensorData source) {
            if (tensor.source() instanceof PeftTensor.Copied own) {
                return RoundTripTest.bytes(source, own.tensor());
            }
            ByteBuffer encoded =
                    ByteBuffer.allocate(Math.toIntExact(tensor.bytes())).order(ByteOrder.LITTLE_ENDIAN);
            FloatEncoder.encode(Dtype.F32, values.of(tensor), encoded);
            return encoded.array();
        }

        ExportPlan plan(TensorIndex base, ExportLayout layout) {
            ExportSource source = new ExportSource(
                    index, adapter, AxisClassifier.classify(adapter.modules(), adapter.claims(), data), config, data);
            return ExportPlanner.plan(source, base, new ExportChoices(InputAxis.REFUSE, null, layout), Set.of());
        }
    }

    private static byte[] bytes(TensorData data, TensorInfo tensor) {
        ByteBuffer stored = data.bytes(tensor).orElseThrow();
        byte[] bytes = new byte[stored.remaining()];
        stored.get(bytes);
        return bytes;
    }

    @ParameterizedTest
    @MethodSource("exact")
    void weightsAreTheSameAndFactorsKeepTheirBytes(String name) throws Exception {
        GoldenCase golden = GoldenCase.of(name);
        TensorIndex base = PeftWeights.header(golden);
        Stored first = new Stored(golden.index(), golden.adapter(), golden.data(), null);
        ExportPlan there = first.plan(base, new ExportLayout.Peft(false));
        assertThat(there.adapters()).as(there.reason()).hasSize(1);
        PeftAdapter adapter = there.adapters().get(0);
        Stored peft = Stored.of(adapter.modules(), first.data, AdapterConfigJson.of(adapter));
        ExportPlan back = peft.plan(base, new ExportLayout.Lycoris(ExportLayout.Names.LYCORIS));
        assertThat(back.file()).as(back.reason()).isNotNull();
        Stored last = Stored.of(back.file().modules(), peft.data, null);
        BaseNames names = BaseNames.of(base.tensors());
        int compared = 0;
        for (AdapterModule module : first.adapter.modules()) {
            if (names.resolve(module.name()) instanceof BaseNames.Unmatched) {
                continue;
            }
            AdapterModule returned = last.adapter.modules().stream()
                    .filter(each -> names.resolve(each.name()).equals(names.resolve(module.name())))
                    .findFirst()
                    .orElseThrow();
            compare(first.data, module, last.data, returned);
            compared++;
        }
        assertThat(last.adapter.modules()).hasSize(compared);
    }

    private static void compare(TensorData data, AdapterModule module, TensorData itsData, AdapterModule returned) {
        double[] expected = DeltaWeight.of(module, data).scaled(module.scale()).values();
        double[] actual =
                DeltaWeight.of(returned, itsData).scaled(returned.scale()).values();
        double largest = 0;
        for (double value : expected) {
            largest = Math.max(largest, Math.abs(value));
        }
        for (int i = 0; i < expected.length; i++) {
            assertThat(Math.abs(actual[i] - expected[i])).as(module.name()).isLessThanOrEqualTo(TOLERANCE * largest);
        }
        assertThat(returned.hasDora()).isEqualTo(module.hasDora());
        if (module.hasDora()) {
            assertThat(magnitude(itsData, returned)).containsExactly(magnitude(data, module));
        }
        boolean kept = module.algorithm() == returned.algorithm()
                && !(module.algorithm() == Algorithm.LORA && module.tensors().has(Role.MID));
        for (Role role : Role.values()) {
            if (kept
                    && role != Role.ALPHA
                    && module.tensors().has(role)
                    && returned.tensors().has(role)) {
                assertThat(bytes(itsData, returned.tensors().get(role)))
                        .as("%s %s", module.name(), role)
                        .isEqualTo(bytes(data, module.tensors().get(role)));
            }
        }
    }

    private static double[] magnitude(TensorData data, AdapterModule module) {
        TensorInfo tensor = module.magnitude().tensor();
        return FloatDecoder.doubles(
                tensor.dtype(),
                data.bytes(tensor).orElseThrow(),
                Math.toIntExact(tensor.shape().elements()));
    }
}

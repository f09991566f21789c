package io.doraxis.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.doraxis.merge.MergeRefusedException;
import io.doraxis.merge.TensorKernel;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What becomes of a choice of device and kernel in this build, whose ND4J computes on the CPU. */
class KernelsTest {
    private static final String NO_CUDA = "ND4J computes on the CPU only in this build: build with -Pcuda";

    private static MergeRequest.Settings settings(DeviceChoice device, KernelChoice kernel) {
        return new MergeRequest.Settings(null, false, null, null, device, kernel);
    }

    private static List<String> names(Kernels kernels) {
        List<String> names = kernels.opened().stream()
                .map(kernel -> kernel.name() + " on " + kernel.device())
                .toList();
        kernels.opened().forEach(TensorKernel::close);
        return names;
    }

    @Test
    void everyThreadHasAKernelOfItsOwn() throws MergeRefusedException {
        Kernels kernels = Kernels.open(3, settings(DeviceChoice.cpu, KernelChoice.java), null);
        assertThat(kernels.opened()).doesNotHaveDuplicates();
        assertThat(kernels.warnings()).isEmpty();
        assertThat(names(kernels)).containsExactly("java-float32 on cpu", "java-float32 on cpu", "java-float32 on cpu");
    }

    @Test
    void nd4jComputesOnTheCpu() throws MergeRefusedException {
        MergeRequest.Settings settings = settings(DeviceChoice.cpu, KernelChoice.nd4j);
        assertThat(Kernels.objection(settings)).isEmpty();
        assertThat(names(Kernels.open(1, settings, null))).containsExactly("nd4j-native-1.0.0-M2.1 on cpu");
    }

    @Test
    void withoutAGpuTheCpuComputesAndTheReasonIsTold() throws MergeRefusedException {
        MergeRequest.Settings settings = settings(DeviceChoice.auto, KernelChoice.java);
        assertThat(Kernels.objection(settings)).isEmpty();
        Kernels kernels = Kernels.open(1, settings, null);
        assertThat(kernels.warnings()).containsExactly("computed on the CPU: " + NO_CUDA);
        assertThat(names(kernels)).containsExactly("java-float32 on cpu");
        Kernels other = Kernels.open(1, settings(DeviceChoice.auto, KernelChoice.nd4j), "5");
        assertThat(other.warnings()).containsExactly("computed on the CPU, not on gpu 5: " + NO_CUDA);
        assertThat(names(other)).containsExactly("nd4j-native-1.0.0-M2.1 on cpu");
    }

    @Test
    void aGpuThatMustBeIsRefusedWhereThereIsNone() {
        MergeRequest.Settings settings = settings(DeviceChoice.gpu, KernelChoice.java);
        assertThat(Kernels.objection(settings)).contains(NO_CUDA);
        MergeRefusedException refused =
                catchThrowableOfType(MergeRefusedException.class, () -> Kernels.open(1, settings, "0"));
        assertThat(refused.code()).isEqualTo(MergeRefusedException.Code.NO_DEVICE);
        assertThat(refused).hasMessage(NO_CUDA);
    }

    @Test
    void filesOfOneMergeTellAllTheirDevices() {
        Computed all = Computed.all(List.of(
                new Computed("a", "gpu:1", List.of("hot")),
                new Computed("a", "gpu:0", List.of()),
                new Computed("a", "gpu:1", List.of("hot", "cold"))));
        assertThat(all).isEqualTo(new Computed("a", "gpu:0, gpu:1", List.of("hot", "cold")));
    }
}

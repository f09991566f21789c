package io.doraxis.spark;

import io.doraxis.merge.MergeRefusedException;
import io.doraxis.merge.MergeRefusedException.Code;
import io.doraxis.merge.TensorKernel;
import io.doraxis.nd4j.DeviceUnavailableException;
import io.doraxis.nd4j.Nd4jBackend;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The kernels of a task, one for each of its threads.
 *
 * @param warnings why they are not on the device that was asked for first
 */
record Kernels(List<TensorKernel> opened, List<String> warnings) {
    /** Opens one. */
    @FunctionalInterface
    private interface Opening {
        TensorKernel open() throws DeviceUnavailableException;
    }

    /** What is known to be impossible before any task runs; empty where nothing is. */
    static Optional<String> objection(MergeRequest.Settings settings) {
        return switch (settings.device()) {
            case gpu -> Nd4jBackend.objectionToGpu();
            case cpu -> settings.kernel() == KernelChoice.nd4j ? Nd4jBackend.objectionToCpu() : Optional.empty();
            case auto -> Optional.empty();
        };
    }

    /**
     * Opens them.
     *
     * @param gpu address of the task's own, null where it has none
     * @throws MergeRefusedException if they cannot be opened as they were asked for
     */
    static Kernels open(int count, MergeRequest.Settings settings, String gpu) throws MergeRefusedException {
        List<String> warnings = new ArrayList<>();
        try {
            if (settings.device() != DeviceChoice.cpu) {
                try {
                    return new Kernels(opened(count, () -> onGpu(gpu)), warnings);
                } catch (DeviceUnavailableException e) {
                    if (settings.device() == DeviceChoice.gpu) {
                        throw e;
                    }
                    String device = gpu == null ? "" : ", not on gpu " + gpu;
                    warnings.add("computed on the CPU" + device + ": " + e.getMessage());
                }
            }
            boolean isOnGpusOnly = settings.device() == DeviceChoice.auto
                    && Nd4jBackend.objectionToCpu().isPresent();
            KernelChoice kernel = isOnGpusOnly ? KernelChoice.java : settings.kernel();
            return new Kernels(opened(count, kernel::open), warnings);
        } catch (DeviceUnavailableException e) {
            throw new MergeRefusedException(Code.NO_DEVICE, e.getMessage());
        }
    }

    private static List<TensorKernel> opened(int count, Opening opening) throws DeviceUnavailableException {
        List<TensorKernel> opened = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            opened.add(opening.open());
        }
        return opened;
    }

    private static TensorKernel onGpu(String address) throws DeviceUnavailableException {
        if (address == null) {
            throw new DeviceUnavailableException(
                    Nd4jBackend.objectionToGpu().orElse("Spark assigned no gpu to the task"));
        }
        try {
            return Nd4jBackend.onGpu(Integer.parseUnsignedInt(address));
        } catch (NumberFormatException e) {
            throw new DeviceUnavailableException(
                    "Spark's gpu address is to be the number of a device, and is " + address);
        }
    }
}

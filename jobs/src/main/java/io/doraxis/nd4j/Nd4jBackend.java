package io.doraxis.nd4j;

import io.doraxis.merge.FallbackKernel;
import io.doraxis.merge.JavaKernel;
import io.doraxis.merge.TensorKernel;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Optional;
import java.util.Properties;

/** What ND4J computes on, of those backends that a build puts on the class path. Asking loads nothing of ND4J. */
public enum Nd4jBackend {
    NATIVE("nd4j-native"),
    CUDA("nd4j-cuda-11.6");

    private final String artifact;

    Nd4jBackend(String artifact) {
        this.artifact = artifact;
    }

    /** The one on the class path; CUDA where there are both. */
    public static Optional<Nd4jBackend> present() {
        return CUDA.isPresent() ? Optional.of(CUDA) : NATIVE.isPresent() ? Optional.of(NATIVE) : Optional.empty();
    }

    private boolean isPresent() {
        return loader().getResource(description()) != null;
    }

    private static ClassLoader loader() {
        return Nd4jBackend.class.getClassLoader();
    }

    private String description() {
        return "META-INF/maven/org.nd4j/" + artifact + "/pom.properties";
    }

    /** With its version: the name of a kernel that computes with it. */
    String fullName() {
        Properties description = new Properties();
        try (InputStream in = loader().getResourceAsStream(description())) {
            description.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return artifact + "-" + description.getProperty("version");
    }

    /**
     * Loads ND4J and computes on the CPU.
     *
     * @throws DeviceUnavailableException if this one cannot, or its libraries do not load
     */
    public TensorKernel onCpu() throws DeviceUnavailableException {
        if (this == CUDA) {
            throw new DeviceUnavailableException("ND4J computes on GPUs only in this build, made with -Pcuda");
        }
        return opened(-1);
    }

    /**
     * Loads ND4J and computes on a GPU.
     *
     * @param address number of the device, as CUDA counts those that it sees
     * @throws DeviceUnavailableException if this one cannot, there is no such device, or no driver for it
     */
    public TensorKernel onGpu(int address) throws DeviceUnavailableException {
        if (this != CUDA) {
            throw new DeviceUnavailableException("ND4J computes on the CPU only in this build: build with -Pcuda");
        }
        return opened(address);
    }

    private TensorKernel opened(int gpu) throws DeviceUnavailableException {
        try {
            return new FallbackKernel(new Nd4jKernel(fullName(), gpu), new JavaKernel());
        } catch (LinkageError e) { // of what ND4J loads first of all, or of an attempt before this one
            Throwable cause = e;
            while (cause.getCause() != null) {
                cause = cause.getCause();
            }
            throw new DeviceUnavailableException("%s does not load, %s: %s"
                    .formatted(
                            artifact,
                            this == CUDA
                                    ? "as it does not without a GPU and its driver"
                                    : "which is made for Linux on x86-64",
                            cause.getMessage()));
        }
    }
}

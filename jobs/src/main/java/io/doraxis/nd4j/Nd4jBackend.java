package io.doraxis.nd4j;

import io.doraxis.merge.FallbackKernel;
import io.doraxis.merge.JavaKernel;
import io.doraxis.merge.TensorKernel;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Optional;
import java.util.Properties;

/**
 * What ND4J computes on: the backend that a build has put on the class path. Asking loads nothing of ND4J, opening a kernel
 * does.
 */
public enum Nd4jBackend {
    NATIVE("nd4j-native"),
    CUDA("nd4j-cuda-11.6");

    private final String artifact;

    Nd4jBackend(String artifact) {
        this.artifact = artifact;
    }

    /** The one on the class path; CUDA where there are both, as ND4J itself decides. */
    static Optional<Nd4jBackend> present() {
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

    /** Why ND4J cannot compute on the CPU here; empty where it can. */
    public static Optional<String> objectionToCpu() {
        return objection(NATIVE, "ND4J computes on GPUs only in this build, which was made with -Pcuda");
    }

    /** Why ND4J cannot compute on a GPU, whatever device there is; empty where it can. */
    public static Optional<String> objectionToGpu() {
        return objection(CUDA, "ND4J computes on the CPU only in this build: build with -Pcuda");
    }

    private static Optional<String> objection(Nd4jBackend wanted, String other) {
        Optional<Nd4jBackend> present = present();
        if (present.isEmpty()) {
            return Optional.of("ND4J is not on the class path, which jobs/target/nd4j-classpath.txt lists");
        }
        return present.get() == wanted ? Optional.empty() : Optional.of(other);
    }

    /**
     * A kernel on the CPU.
     *
     * @throws DeviceUnavailableException if there is an objection, or ND4J's libraries do not load
     */
    public static TensorKernel onCpu() throws DeviceUnavailableException {
        return opened(NATIVE, objectionToCpu(), Nd4jKernel.CPU);
    }

    /**
     * A kernel on a GPU.
     *
     * @param number of the device, as CUDA counts those that it sees
     * @throws DeviceUnavailableException if there is an objection, no such device, or no driver for it
     */
    public static TensorKernel onGpu(int number) throws DeviceUnavailableException {
        return opened(CUDA, objectionToGpu(), number);
    }

    private static TensorKernel opened(Nd4jBackend backend, Optional<String> objection, int device)
            throws DeviceUnavailableException {
        if (objection.isPresent()) {
            throw new DeviceUnavailableException(objection.get());
        }
        try {
            return new FallbackKernel(new Nd4jKernel(backend.nameAndVersion(), device), new JavaKernel());
        } catch (LinkageError e) { // of the first attempt to load ND4J, or of one after it
            Throwable cause = e;
            while (cause.getCause() != null) {
                cause = cause.getCause();
            }
            throw new DeviceUnavailableException(
                    "%s does not load%s: %s".formatted(backend.artifact, backend.needs(), cause.getMessage()));
        }
    }

    private String needs() {
        return this == CUDA ? ", which needs a GPU and the libraries of CUDA 11.6" : "";
    }

    private String nameAndVersion() {
        Properties description = new Properties();
        try (InputStream in = loader().getResourceAsStream(description())) {
            description.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return artifact + "-" + description.getProperty("version");
    }
}

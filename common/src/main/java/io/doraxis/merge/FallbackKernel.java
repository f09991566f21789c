package io.doraxis.merge;

import java.util.ArrayList;
import java.util.List;

/**
 * Products on a device whose memory may run out: then by halves of their rows, and what fits in no way on the CPU.
 */
public final class FallbackKernel implements TensorKernel {
    private final TensorKernel device;
    private final TensorKernel cpu;
    private long productsOnCpu;
    private String reason;

    /** Closes both with itself. */
    public FallbackKernel(TensorKernel device, TensorKernel cpu) {
        this.device = device;
        this.cpu = cpu;
    }

    @Override
    public String name() {
        return device.name();
    }

    @Override
    public String device() {
        return device.device();
    }

    @Override
    public void addProduct(FloatMatrix sum, float scale, FloatMatrix left, FloatMatrix right) {
        try {
            device.addProduct(sum, scale, left, right);
        } catch (DeviceMemoryException e) {
            if (sum.rows() > 1) {
                int half = sum.rows() / 2;
                int rest = sum.rows() - half;
                addProduct(sum.rowRange(0, half), scale, left.rowRange(0, half), right);
                addProduct(sum.rowRange(half, rest), scale, left.rowRange(half, rest), right);
            } else {
                productsOnCpu++;
                reason = e.getMessage();
                cpu.addProduct(sum, scale, left, right);
            }
        }
    }

    @Override
    public List<String> warnings() {
        List<String> warnings = new ArrayList<>(device.warnings());
        if (productsOnCpu > 0) {
            warnings.add("%s had no memory for %,d products, which %s computed on the CPU: %s"
                    .formatted(device.device(), productsOnCpu, cpu.name(), reason));
        }
        return warnings;
    }

    @Override
    public void close() {
        try (cpu) {
            device.close();
        }
    }
}

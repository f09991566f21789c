package io.doraxis.nd4j;

import io.doraxis.merge.DeviceMemoryException;
import io.doraxis.merge.FloatMatrix;
import io.doraxis.merge.TensorKernel;
import java.util.Arrays;
import java.util.regex.Pattern;
import org.bytedeco.javacpp.FloatPointer;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Products by ND4J in float32: a BLAS on the CPU, cuBLAS on a GPU, by the same calls. Loading this class loads ND4J.
 *
 * <p>Matrices go to arrays outside the heap and the sum comes back. A kernel has the arrays of one product at a time, uses
 * them again for products of the same shape and gives them back by {@link #close}. A product that would take more than the
 * budget is computed in parts, which depend on its shape alone.
 */
final class Nd4jKernel implements TensorKernel {
    /** In place of a GPU's number. */
    static final int CPU = -1;

    /** Elements that a kernel has outside the heap, of 4 bytes: 64 MiB. */
    private static final int BUDGET = 16 << 20;

    private static final Pattern OUT_OF_MEMORY = Pattern.compile("(?i)allocat|out.of.memory|physical memory");

    static {
        // Tasks and lanes are what runs side by side; a product that threads share is summed in an order of theirs.
        Nd4j.factory().blas().setMaxThreads(1);
        Nd4j.getEnvironment().setMaxMasterThreads(1);
        Nd4j.getMemoryManager().togglePeriodicGc(false); // arrays are closed, none is left to the collector
    }

    private final String name;
    private final int gpu;
    private final int budget;
    private float[] scaled = new float[0];
    private ProductArrays arrays;

    /**
     * Binds it to a device.
     *
     * @param gpu number of the device, or {@link #CPU}
     */
    Nd4jKernel(String name, int gpu) throws DeviceUnavailableException {
        this(name, gpu, BUDGET);
    }

    /** @param budget in elements */
    Nd4jKernel(String name, int gpu, int budget) throws DeviceUnavailableException {
        this.name = name;
        this.gpu = gpu;
        this.budget = budget;
        int devices = Nd4j.getAffinityManager().getNumberOfDevices();
        if (gpu >= devices) {
            throw new DeviceUnavailableException("there is no GPU %d, CUDA sees %d".formatted(gpu, devices));
        }
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public String device() {
        return gpu == CPU ? "cpu" : "gpu:" + gpu;
    }

    @Override
    public void addProduct(FloatMatrix sum, float scale, FloatMatrix left, FloatMatrix right) {
        TensorKernel.requireFit(sum, left, right);
        int inner = left.columns();
        if (inner == 0 || sum.rows() == 0 || sum.columns() == 0) {
            return;
        }
        bind();
        int columns = Math.min(sum.columns(), Math.max(1, budget / 2 / inner));
        int rows = (int) Math.min(sum.rows(), Math.max(1, (budget - (long) inner * columns) / (inner + columns)));
        boolean isWhole = rows == sum.rows() && columns == sum.columns();
        try {
            if (isWhole) {
                addBlock(new Block(0, rows, 0, columns), sum, scale, left, right);
            } else {
                addBlocks(rows, columns, sum, scale, left, right);
            }
        } catch (OutOfMemoryError | RuntimeException e) {
            closeArrays();
            if (isOutOfMemory(e)) {
                throw new DeviceMemoryException(e.getMessage(), e);
            }
            throw e;
        }
    }

    /** For ND4J a device belongs to a thread, and a kernel's thread may be another one than the last time. */
    private void bind() {
        if (gpu != CPU && Nd4j.getAffinityManager().getDeviceForCurrentThread() != gpu) {
            Nd4j.getAffinityManager().unsafeSetDevice(gpu);
        }
    }

    private void addBlocks(int rows, int columns, FloatMatrix sum, float scale, FloatMatrix left, FloatMatrix right) {
        // in a copy: if one fails, the sum must not have the others
        float[] added = Arrays.copyOfRange(sum.values(), sum.offset(), sum.offset() + sum.rows() * sum.columns());
        FloatMatrix copy = new FloatMatrix(added, sum.rows(), sum.columns());
        for (int column = 0; column < sum.columns(); column += columns) {
            for (int row = 0; row < sum.rows(); row += rows) {
                Block block = new Block(
                        row, Math.min(rows, sum.rows() - row), column, Math.min(columns, sum.columns() - column));
                addBlock(block, copy, scale, left, right);
            }
        }
        System.arraycopy(added, 0, sum.values(), sum.offset(), added.length);
    }

    private void addBlock(Block block, FloatMatrix sum, float scale, FloatMatrix left, FloatMatrix right) {
        int inner = left.columns();
        // what is scaled down first and up last overflows only if the result does
        boolean isFirst = Math.abs(scale) <= 1;
        Block rows = new Block(block.row, block.rows, 0, inner);
        ProductArrays on = arrays(block.rows, inner, block.columns);
        block.copy(sum, on.sum, FloatPointer::put);
        if (isFirst && scale != 1) {
            new Block(0, block.rows, 0, inner).copy(scaled(rows, left, scale), on.left, FloatPointer::put);
        } else {
            rows.copy(left, on.left, FloatPointer::put);
        }
        new Block(0, inner, block.column, block.columns).copy(right, on.right, FloatPointer::put);
        on.addProduct(isFirst ? 1 : scale);
        block.copy(sum, on.sum, FloatPointer::get);
    }

    private FloatMatrix scaled(Block rows, FloatMatrix left, float scale) {
        int count = rows.rows * rows.columns;
        if (scaled.length < count) {
            scaled = new float[count];
        }
        int from = left.offset() + rows.row * rows.columns;
        for (int i = 0; i < count; i++) {
            scaled[i] = scale * left.values()[from + i];
        }
        return new FloatMatrix(scaled, rows.rows, rows.columns);
    }

    private ProductArrays arrays(int rows, int inner, int columns) {
        if (arrays == null || !arrays.fit(rows, inner, columns)) {
            closeArrays();
            arrays = new ProductArrays(rows, inner, columns);
        }
        return arrays;
    }

    private void closeArrays() {
        if (arrays != null) {
            arrays.close();
            arrays = null;
        }
    }

    @Override
    public void close() {
        bind();
        closeArrays();
    }

    /** ND4J throws no exception of its own for that, and JavaCPP an error that Java's heap has nothing to do with. */
    static boolean isOutOfMemory(Throwable e) {
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause.getMessage() != null
                    && OUT_OF_MEMORY.matcher(cause.getMessage()).find()) {
                return true;
            }
        }
        return false;
    }

    /** Moves elements between an array outside the heap, from the pointer's position on, and one in it. */
    @FunctionalInterface
    private interface Transfer {
        FloatPointer move(FloatPointer outside, float[] values, int offset, int count);
    }

    /** Some rows and columns of a matrix. */
    private record Block(int row, int rows, int column, int columns) {
        void copy(FloatMatrix matrix, INDArray outside, Transfer transfer) {
            FloatPointer pointer = new FloatPointer(outside.data().pointer());
            int first = matrix.offset() + row * matrix.columns() + column;
            if (columns == matrix.columns()) {
                transfer.move(pointer, matrix.values(), first, rows * columns);
                return;
            }
            for (int i = 0; i < rows; i++) {
                transfer.move(
                        pointer.position((long) i * columns), matrix.values(), first + i * matrix.columns(), columns);
            }
        }
    }
}

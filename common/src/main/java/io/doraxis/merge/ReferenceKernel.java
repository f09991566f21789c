package io.doraxis.merge;

/** Products in float64, each sum rounded once: slow, and what the other kernels are held against. */
public final class ReferenceKernel implements TensorKernel {
    @Override
    public String name() {
        return "java-float64";
    }

    @Override
    public String device() {
        return "cpu";
    }

    @Override
    public void addProduct(FloatMatrix sum, float scale, FloatMatrix left, FloatMatrix right) {
        TensorKernel.requireFit(sum, left, right);
        double[] row = new double[sum.columns()];
        for (int i = 0; i < sum.rows(); i++) {
            java.util.Arrays.fill(row, 0);
            for (int inner = 0; inner < left.columns(); inner++) {
                double factor = left.values()[left.offset() + i * left.columns() + inner];
                int from = right.offset() + inner * right.columns();
                for (int j = 0; j < row.length; j++) {
                    row[j] += factor * right.values()[from + j];
                }
            }
            int to = sum.offset() + i * sum.columns();
            for (int j = 0; j < row.length; j++) {
                sum.values()[to + j] = (float) (sum.values()[to + j] + scale * row[j]);
            }
        }
    }
}

package io.doraxis.merge;

/** A few long vectors, one per row: what a subspace iteration multiplies and keeps orthonormal. */
record RowBlock(FloatMatrix vectors) {
    /** What is left of a vector's square where the vector is the sum of others, but for the rounding of its numbers. */
    private static final double NEGLIGIBLE = 0x1p-40;

    RowBlock times(FloatMatrix matrix, TensorKernel kernel) {
        FloatMatrix product = FloatMatrix.zeros(vectors.rows(), matrix.columns());
        kernel.addProduct(product, 1, vectors, matrix);
        return new RowBlock(product);
    }

    /**
     * An orthonormal basis of the same space, by Cholesky's decomposition of the products of all pairs: vectors less those
     * before them, in terms of the given ones. Zeros stand for a vector that depends on those before it.
     */
    RowBlock orthonormal(TensorKernel kernel) {
        double[][] gram = gram();
        double[][] terms = new double[gram.length][gram.length];
        for (int i = 0; i < terms.length; i++) {
            double square = gram[i][i];
            for (int j = 0; j < i; j++) {
                double along = dot(terms[j], gram[i], j + 1);
                square -= along * along;
                addScaled(terms[i], -along, terms[j], j + 1);
            }
            terms[i][i] = 1;
            scale(terms[i], square > NEGLIGIBLE * gram[i][i] ? 1 / Math.sqrt(square) : 0);
        }
        return new RowBlock(FloatMatrix.of(terms, terms.length)).times(vectors, kernel);
    }

    private static double dot(double[] one, double[] other, int count) {
        double sum = 0;
        for (int i = 0; i < count; i++) {
            sum += one[i] * other[i];
        }
        return sum;
    }

    private static void addScaled(double[] sum, double factor, double[] values, int count) {
        for (int i = 0; i < count; i++) {
            sum[i] += factor * values[i];
        }
    }

    private static void scale(double[] values, double factor) {
        for (int i = 0; i < values.length; i++) {
            values[i] *= factor;
        }
    }

    /** The products of all pairs, in float64: in float32 the weak vectors would drown in the rounding of the strong ones. */
    double[][] gram() {
        int count = vectors.rows();
        double[][] rows = new double[count + count % 2][vectors.columns()];
        for (int i = 0; i < count; i++) {
            for (int j = 0; j < vectors.columns(); j++) {
                rows[i][j] = vectors.values()[vectors.offset() + i * vectors.columns() + j];
            }
        }
        double[][] products = new double[rows.length][rows.length];
        for (int i = 0; i < rows.length; i += 2) {
            for (int j = 0; j <= i; j += 2) {
                multiply(rows[i], rows[i + 1], rows[j], rows[j + 1], products, i, j);
            }
        }
        double[][] gram = new double[count][count];
        for (int i = 0; i < count; i++) {
            for (int j = 0; j < count; j++) {
                gram[i][j] = i >= j ? products[i][j] : products[j][i];
            }
        }
        return gram;
    }

    /** Two rows by two: each number is read once for two products. */
    private static void multiply(
            double[] one, double[] two, double[] three, double[] four, double[][] products, int i, int j) {
        double a = 0;
        double b = 0;
        double c = 0;
        double d = 0;
        for (int k = 0; k < one.length; k++) {
            a += one[k] * three[k];
            b += one[k] * four[k];
            c += two[k] * three[k];
            d += two[k] * four[k];
        }
        products[i][j] = a;
        products[i][j + 1] = b;
        products[i + 1][j] = c;
        products[i + 1][j + 1] = d;
    }
}

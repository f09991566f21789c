package io.doraxis.merge;

/**
 * A delta weight as the small matrices that it is made of: any block of its rows is computed without the rest. Rows and
 * columns are those of the base weight as it is stored.
 */
sealed interface Delta {
    /**
     * Adds some of its rows.
     *
     * @param sum as many rows of the weight, {@code firstRow} first
     */
    void addRows(FloatMatrix sum, int firstRow, float scale, TensorKernel kernel);

    int rows();

    int columns();

    /** The same for a base that keeps the weight as [in, out]. */
    Delta transposed();

    /** A product of two factors: LoRA, in all its forms. */
    record Product(FloatMatrix left, FloatMatrix right) implements Delta {
        @Override
        public void addRows(FloatMatrix sum, int firstRow, float scale, TensorKernel kernel) {
            kernel.addProduct(sum, scale, left.rowRange(firstRow, sum.rows()), right);
        }

        @Override
        public int rows() {
            return left.rows();
        }

        @Override
        public int columns() {
            return right.columns();
        }

        @Override
        public Product transposed() {
            return new Product(right.transposed(), left.transposed());
        }
    }

    /** Two products, multiplied element by element: LoHa. */
    record Hadamard(Product first, Product second) implements Delta {
        @Override
        public void addRows(FloatMatrix sum, int firstRow, float scale, TensorKernel kernel) {
            FloatMatrix one = FloatMatrix.zeros(sum.rows(), sum.columns());
            FloatMatrix other = FloatMatrix.zeros(sum.rows(), sum.columns());
            first.addRows(one, firstRow, scale, kernel);
            second.addRows(other, firstRow, 1, kernel);
            for (int i = 0; i < one.values().length; i++) {
                sum.values()[sum.offset() + i] += one.values()[i] * other.values()[i];
            }
        }

        @Override
        public int rows() {
            return first.rows();
        }

        @Override
        public int columns() {
            return first.columns();
        }

        @Override
        public Hadamard transposed() {
            return new Hadamard(first.transposed(), second.transposed());
        }
    }

    /** A Kronecker product: a block of {@code right} for each element of {@code left}. LoKr. */
    record Kronecker(FloatMatrix left, FloatMatrix right) implements Delta {
        @Override
        public void addRows(FloatMatrix sum, int firstRow, float scale, TensorKernel kernel) {
            for (int row = 0; row < sum.rows(); row++) {
                int from = right.offset() + (firstRow + row) % right.rows() * right.columns();
                int factors = left.offset() + (firstRow + row) / right.rows() * left.columns();
                for (int block = 0; block < left.columns(); block++) {
                    float factor = scale * left.values()[factors + block];
                    int to = sum.offset() + row * sum.columns() + block * right.columns();
                    for (int i = 0; i < right.columns(); i++) {
                        sum.values()[to + i] += factor * right.values()[from + i];
                    }
                }
            }
        }

        @Override
        public int rows() {
            return Math.multiplyExact(left.rows(), right.rows());
        }

        @Override
        public int columns() {
            return Math.multiplyExact(left.columns(), right.columns());
        }

        @Override
        public Kronecker transposed() {
            return new Kronecker(left.transposed(), right.transposed());
        }
    }

    /** A delta weight that is stored as such. */
    record Whole(FloatMatrix values) implements Delta {
        @Override
        public void addRows(FloatMatrix sum, int firstRow, float scale, TensorKernel kernel) {
            int from = values.offset() + firstRow * values.columns();
            for (int i = 0; i < sum.rows() * sum.columns(); i++) {
                sum.values()[sum.offset() + i] += scale * values.values()[from + i];
            }
        }

        @Override
        public int rows() {
            return values.rows();
        }

        @Override
        public int columns() {
            return values.columns();
        }

        @Override
        public Whole transposed() {
            return new Whole(values.transposed());
        }
    }
}

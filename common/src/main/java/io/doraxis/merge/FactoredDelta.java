package io.doraxis.merge;

import static io.doraxis.adapter.Role.HADA_W1_B;
import static io.doraxis.adapter.Role.HADA_W2_B;
import static io.doraxis.adapter.Role.LOKR_W1;
import static io.doraxis.adapter.Role.LOKR_W1_B;
import static io.doraxis.adapter.Role.LOKR_W2;
import static io.doraxis.adapter.Role.LOKR_W2_B;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Role;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorData;

/**
 * A delta weight as one product of two factors, unscaled and exact but for rounding: of LoHa and LoKr by products of their
 * factors' columns and rows, without a decomposition of the delta weight itself.
 *
 * @param left [out, rank]
 * @param right [rank, in * kernel]
 */
public record FactoredDelta(Matrix left, Matrix right) {
    /**
     * Factors a module's delta weight.
     *
     * @throws IllegalArgumentException if the algorithm is none of LORA, LOHA and LOKR, or the factors do not fit
     */
    public static FactoredDelta of(AdapterModule module, TensorData data) {
        return switch (module.algorithm()) {
            case LORA -> DeltaWeight.lora(module, data);
            case LOHA -> hadamard(DeltaWeight.lohaFirst(module, data), DeltaWeight.lohaSecond(module, data));
            case LOKR -> kronecker(DeltaWeight.lokrLeft(module, data), DeltaWeight.lokrRight(module, data));
            case FULL, NORM, GLORA, IA3, OFT, BOFT, TLORA ->
                throw new IllegalArgumentException(module.algorithm() + " has no product of factors");
        };
    }

    /** The rank of what {@link #of} gives, by the shapes alone. */
    public static long rank(AdapterModule module) {
        return switch (module.algorithm()) {
            case LORA -> module.rank();
            case LOHA -> first(module, HADA_W1_B) * first(module, HADA_W2_B);
            case LOKR -> rank(module, LOKR_W1, LOKR_W1_B) * rank(module, LOKR_W2, LOKR_W2_B);
            case FULL, NORM, GLORA, IA3, OFT, BOFT, TLORA ->
                throw new IllegalArgumentException(module.algorithm() + " has no product of factors");
        };
    }

    private static long first(AdapterModule module, Role role) {
        return module.tensors().shape(role).dim(0);
    }

    private static long rank(AdapterModule module, Role whole, Role factor) {
        if (!module.tensors().has(whole)) {
            return first(module, factor);
        }
        Shape shape = module.tensors().shape(whole);
        return Math.min(shape.dim(0), shape.from(1).elements());
    }

    /** A matrix as a product with the identity, on its shorter side. */
    static FactoredDelta ofWhole(Matrix matrix) {
        return matrix.rows() <= matrix.columns()
                ? new FactoredDelta(Matrix.identity(matrix.rows()), matrix)
                : new FactoredDelta(matrix, Matrix.identity(matrix.columns()));
    }

    /** (A B) * (C D) element by element: the rows' products of A and C, and the columns' of B and D, in all pairs. */
    private static FactoredDelta hadamard(FactoredDelta one, FactoredDelta other) {
        int ranks = one.right.rows() * other.right.rows();
        Matrix left = Matrix.zeros(one.left.rows(), ranks);
        Matrix right = Matrix.zeros(ranks, one.right.columns());
        int pair = 0;
        for (int i = 0; i < one.right.rows(); i++) {
            for (int j = 0; j < other.right.rows(); j++, pair++) {
                for (int row = 0; row < left.rows(); row++) {
                    left.add(row, pair, one.left.at(row, i) * other.left.at(row, j));
                }
                for (int column = 0; column < right.columns(); column++) {
                    right.add(pair, column, one.right.at(i, column) * other.right.at(j, column));
                }
            }
        }
        return new FactoredDelta(left, right);
    }

    /** (A B) (x) (C D) = (A (x) C) (B (x) D). */
    private static FactoredDelta kronecker(FactoredDelta one, FactoredDelta other) {
        return new FactoredDelta(one.left.kronecker(other.left), one.right.kronecker(other.right));
    }
}

package io.doraxis.merge;

import static io.doraxis.adapter.Role.DIFF;
import static io.doraxis.adapter.Role.DOWN;
import static io.doraxis.adapter.Role.EMBEDDING_DOWN;
import static io.doraxis.adapter.Role.EMBEDDING_UP;
import static io.doraxis.adapter.Role.HADA_T1;
import static io.doraxis.adapter.Role.HADA_T2;
import static io.doraxis.adapter.Role.HADA_W1_A;
import static io.doraxis.adapter.Role.HADA_W1_B;
import static io.doraxis.adapter.Role.HADA_W2_A;
import static io.doraxis.adapter.Role.HADA_W2_B;
import static io.doraxis.adapter.Role.LOKR_T2;
import static io.doraxis.adapter.Role.LOKR_W1;
import static io.doraxis.adapter.Role.LOKR_W1_A;
import static io.doraxis.adapter.Role.LOKR_W1_B;
import static io.doraxis.adapter.Role.LOKR_W2;
import static io.doraxis.adapter.Role.LOKR_W2_A;
import static io.doraxis.adapter.Role.LOKR_W2_B;
import static io.doraxis.adapter.Role.MID;
import static io.doraxis.adapter.Role.UP;
import static io.doraxis.adapter.Role.W_NORM;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Role;
import io.doraxis.tensorfile.TensorData;

/**
 * What an adapter adds to a base weight before any weight decomposition, unscaled: [out, in * kernel] (LyCORIS 4.1.3 and
 * PEFT 0.21.2, observed).
 */
public final class DeltaWeight {
    private DeltaWeight() {}

    /**
     * The raw product of a module whose algorithm has one.
     *
     * @throws IllegalArgumentException if the algorithm is none of LORA, LOHA, LOKR and FULL, or the factors do not fit
     */
    public static Matrix of(AdapterModule module, TensorData data) {
        Factors factors = new Factors(module, data);
        return switch (module.algorithm()) {
            case LORA -> lora(factors).product();
            case LOHA -> first(factors).product().hadamard(second(factors).product());
            case LOKR -> lokr(factors).kronecker();
            case FULL -> factors.matrix(DIFF);
            case NORM, GLORA, IA3, OFT, BOFT, TLORA -> throw noProduct(module);
        };
    }

    /**
     * The same by its factors, for blocks of rows; of a norm what is added to it, as a column.
     *
     * @throws IllegalArgumentException if the algorithm has no delta weight of its own, or the factors do not fit
     */
    static Delta delta(AdapterModule module, TensorData data) {
        Factors factors = new Factors(module, data);
        return switch (module.algorithm()) {
            case LORA -> lora(factors).rounded();
            case LOHA ->
                new Delta.Hadamard(first(factors).rounded(), second(factors).rounded());
            case LOKR -> {
                Pair pair = lokr(factors);
                yield new Delta.Kronecker(FloatMatrix.of(pair.left), FloatMatrix.of(pair.right));
            }
            case FULL -> new Delta.Whole(factors.floats(DIFF));
            case NORM -> new Delta.Whole(factors.floats(W_NORM));
            case GLORA, IA3, OFT, BOFT, TLORA -> throw noProduct(module);
        };
    }

    /** Rows of a delta weight, computed when they are asked for. */
    @FunctionalInterface
    interface Rows {
        Matrix of(int first, int count);
    }

    /**
     * The same in float64, some rows at a time.
     *
     * @throws IllegalArgumentException if the algorithm is none of LORA, LOHA and LOKR, or the factors do not fit
     */
    static Rows rows(AdapterModule module, TensorData data) {
        Factors factors = new Factors(module, data);
        return switch (module.algorithm()) {
            case LORA -> lora(factors)::productRows;
            case LOHA -> {
                Pair one = first(factors);
                Pair other = second(factors);
                yield (first, count) -> one.productRows(first, count).hadamard(other.productRows(first, count));
            }
            case LOKR -> lokr(factors)::kroneckerRows;
            case FULL, NORM, GLORA, IA3, OFT, BOFT, TLORA -> throw noProduct(module);
        };
    }

    static FactoredDelta lora(AdapterModule module, TensorData data) {
        return lora(new Factors(module, data)).factored();
    }

    static FactoredDelta lohaFirst(AdapterModule module, TensorData data) {
        return first(new Factors(module, data)).factored();
    }

    static FactoredDelta lohaSecond(AdapterModule module, TensorData data) {
        return second(new Factors(module, data)).factored();
    }

    static FactoredDelta lokrLeft(AdapterModule module, TensorData data) {
        Factors factors = new Factors(module, data);
        return factors.has(LOKR_W1)
                ? FactoredDelta.ofWhole(factors.matrix(LOKR_W1))
                : new FactoredDelta(factors.matrix(LOKR_W1_A), factors.matrix(LOKR_W1_B));
    }

    static FactoredDelta lokrRight(AdapterModule module, TensorData data) {
        Factors factors = new Factors(module, data);
        return factors.has(LOKR_W2)
                ? FactoredDelta.ofWhole(factors.matrix(LOKR_W2))
                : half(factors, LOKR_T2, LOKR_W2_A, LOKR_W2_B).factored();
    }

    private static IllegalArgumentException noProduct(AdapterModule module) {
        return new IllegalArgumentException(module.algorithm() + " has no product of factors");
    }

    /** Two factors of a delta weight, or of a part of it. */
    private record Pair(Matrix left, Matrix right) {
        Matrix product() {
            return left.times(right);
        }

        Matrix productRows(int first, int count) {
            return left.rowRange(first, count).times(right);
        }

        Matrix kronecker() {
            return left.kronecker(right);
        }

        Matrix kroneckerRows(int first, int count) {
            Matrix rows = Matrix.zeros(count, Math.multiplyExact(left.columns(), right.columns()));
            for (int row = 0; row < count; row++) {
                for (int column = 0; column < rows.columns(); column++) {
                    double factor = left.at((first + row) / right.rows(), column / right.columns());
                    rows.add(row, column, factor * right.at((first + row) % right.rows(), column % right.columns()));
                }
            }
            return rows;
        }

        FactoredDelta factored() {
            return new FactoredDelta(left, right);
        }

        Delta.Product rounded() {
            return new Delta.Product(FloatMatrix.of(left), FloatMatrix.of(right));
        }
    }

    private static Pair lora(Factors factors) {
        if (factors.has(EMBEDDING_UP)) {
            return new Pair(factors.matrix(EMBEDDING_UP), factors.matrix(EMBEDDING_DOWN));
        }
        Matrix down = factors.matrix(DOWN);
        return new Pair(factors.matrix(UP), factors.has(MID) ? lifted(factors.matrix(MID), down) : down);
    }

    /** A Tucker core [rank, rank, kernel...] times the factor of the inputs [rank, in]: [rank, in * kernel]. */
    private static Matrix lifted(Matrix core, Matrix down) {
        int kernel = core.columns() / down.rows();
        Matrix lifted = Matrix.zeros(core.rows(), down.columns() * kernel);
        for (int rank = 0; rank < core.rows(); rank++) {
            for (int inner = 0; inner < down.rows(); inner++) {
                for (int in = 0; in < down.columns(); in++) {
                    for (int at = 0; at < kernel; at++) {
                        lifted.add(rank, in * kernel + at, core.at(rank, inner * kernel + at) * down.at(inner, in));
                    }
                }
            }
        }
        return lifted;
    }

    private static Pair first(Factors factors) {
        return half(factors, HADA_T1, HADA_W1_A, HADA_W1_B);
    }

    private static Pair second(Factors factors) {
        return half(factors, HADA_T2, HADA_W2_A, HADA_W2_B);
    }

    /** A product [out, rank] x [rank, in * kernel]; with a core its first factor is stored as [rank, out]. */
    private static Pair half(Factors factors, Role core, Role a, Role b) {
        Matrix left = factors.matrix(a);
        Matrix right = factors.matrix(b);
        return factors.has(core)
                ? new Pair(left.transposed(), lifted(factors.matrix(core), right))
                : new Pair(left, right);
    }

    private static Pair lokr(Factors factors) {
        Matrix left = factors.has(LOKR_W1)
                ? factors.matrix(LOKR_W1)
                : factors.matrix(LOKR_W1_A).times(factors.matrix(LOKR_W1_B));
        Matrix right = factors.has(LOKR_W2)
                ? factors.matrix(LOKR_W2)
                : half(factors, LOKR_T2, LOKR_W2_A, LOKR_W2_B).product();
        return new Pair(left, right);
    }
}

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
            case LORA -> lora(factors);
            case LOHA -> loha(factors);
            case LOKR -> lokr(factors);
            case FULL -> factors.matrix(DIFF);
            case NORM, GLORA, IA3, OFT, BOFT, TLORA ->
                throw new IllegalArgumentException(module.algorithm() + " has no product of factors");
        };
    }

    private static Matrix lora(Factors factors) {
        if (factors.has(EMBEDDING_UP)) {
            return factors.matrix(EMBEDDING_UP).times(factors.matrix(EMBEDDING_DOWN));
        }
        Matrix down = factors.matrix(DOWN);
        return factors.matrix(UP).times(factors.has(MID) ? lifted(factors.matrix(MID), down) : down);
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

    private static Matrix loha(Factors factors) {
        return half(factors, HADA_T1, HADA_W1_A, HADA_W1_B).hadamard(half(factors, HADA_T2, HADA_W2_A, HADA_W2_B));
    }

    /** A product [out, rank] x [rank, in * kernel]; with a core its first factor is stored as [rank, out]. */
    private static Matrix half(Factors factors, Role core, Role a, Role b) {
        Matrix left = factors.matrix(a);
        Matrix right = factors.matrix(b);
        return factors.has(core) ? left.transposed().times(lifted(factors.matrix(core), right)) : left.times(right);
    }

    private static Matrix lokr(Factors factors) {
        Matrix left = factors.has(LOKR_W1)
                ? factors.matrix(LOKR_W1)
                : factors.matrix(LOKR_W1_A).times(factors.matrix(LOKR_W1_B));
        Matrix right = factors.has(LOKR_W2) ? factors.matrix(LOKR_W2) : half(factors, LOKR_T2, LOKR_W2_A, LOKR_W2_B);
        return left.kronecker(right);
    }
}

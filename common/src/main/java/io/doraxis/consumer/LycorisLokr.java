package io.doraxis.consumer;

import static io.doraxis.adapter.Role.LOKR_T2;
import static io.doraxis.adapter.Role.LOKR_W1;
import static io.doraxis.adapter.Role.LOKR_W1_A;
import static io.doraxis.adapter.Role.LOKR_W1_B;
import static io.doraxis.adapter.Role.LOKR_W2;
import static io.doraxis.adapter.Role.LOKR_W2_A;
import static io.doraxis.adapter.Role.LOKR_W2_B;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.LayerKind;
import io.doraxis.adapter.ModuleTensors;
import io.doraxis.tensorfile.Shape;

/**
 * Whether LyCORIS finds back a LoKr module's factorisation. Its loader guesses the trainer's {@code factor} from the
 * shapes, builds a module with it and copies the tensors in: {@code LokrModule.make_module_from_state_dict} of 4.1.3.
 *
 * @param left columns of the first factor's rows and of its inputs: a and c of [a, c] ⊗ [b, d]
 * @param w2In inputs of the second factor as stored; with {@code flattened} the kernel is in them
 * @param leftRank rank of the first factor; 0 when it is stored in full
 * @param rank rank of the second factor; 0 when it is stored in full
 * @param kernelDims dimensions of the kernel; -1 where the factors do not say
 */
record LycorisLokr(
        long leftOut, long leftIn, long w2Out, long w2In, long leftRank, long rank, boolean tucker, int kernelDims) {
    /** Larger layers do not exist; and the search for divisors is linear. */
    private static final long MAX_DIM = 1 << 20;

    private static final long[][] KERNELS = {{1}, {1, 3, 5, 7}, {1, 9, 25, 49, 3, 5, 7}, {1, 3, 9, 27, 125}};
    private static final long[] ANY_KERNEL = {1, 3, 5, 7, 9, 25, 27, 49};

    static LycorisLokr of(AdapterModule module) {
        ModuleTensors t = module.tensors();
        boolean fullLeft = t.has(LOKR_W1);
        boolean full = t.has(LOKR_W2);
        boolean tucker = t.has(LOKR_T2) && !full;
        Shape w1 = t.shape(fullLeft ? LOKR_W1 : LOKR_W1_A);
        Shape w2Rows = t.shape(full ? LOKR_W2 : LOKR_W2_A);
        Shape w2Columns = full ? w2Rows : t.shape(LOKR_W2_B);
        return new LycorisLokr(
                w1.dimOrOne(0),
                fullLeft ? w1.dimOrOne(1) : t.shape(LOKR_W1_B).dimOrOne(1),
                w2Rows.dimOrOne(tucker ? 1 : 0),
                w2Columns.dimOrOne(1),
                fullLeft ? 0 : w1.dimOrOne(1),
                full ? 0 : w2Columns.dimOrOne(0),
                tucker,
                kernelDims(module, full || tucker));
    }

    private static int kernelDims(AdapterModule module, boolean kernelKnown) {
        if (kernelKnown) {
            return 0; // it is not in w2In
        }
        if (module.layerKind() == LayerKind.LINEAR) {
            return 0;
        }
        return module.layerKind() == LayerKind.CONV && module.hasDora()
                ? Math.min(3, module.magnitude().shape().rank() - 2)
                : -1;
    }

    LycorisReload reload() {
        if (outOfRange(leftOut) || outOfRange(leftIn) || outOfRange(w2Out) || outOfRange(w2In)) {
            return LycorisReload.OPEN;
        }
        LycorisReload writable = reload(true);
        return writable != null ? writable : reload(false);
    }

    /** The answer for every kernel that the flattened factors can hold; null when none is possible. */
    private LycorisReload reload(boolean asWritten) {
        LycorisReload agreed = null;
        for (long kernel : kernelDims < 0 ? ANY_KERNEL : KERNELS[kernelDims]) {
            if (w2In % kernel != 0 || asWritten && !writable(w2In / kernel)) {
                continue;
            }
            LycorisReload reload = reload(w2In / kernel);
            if (agreed != null && agreed != reload) {
                return LycorisReload.OPEN;
            }
            agreed = reload;
        }
        return agreed;
    }

    private static boolean outOfRange(long dim) {
        return dim < 1 || dim > MAX_DIM;
    }

    /** Whether some factor makes LyCORIS split both dimensions like this. */
    private boolean writable(long rightIn) {
        for (long factor : new long[] {-1, leftOut, w2Out, leftIn, rightIn}) {
            if (splitsLikeThis(factor, rightIn)) {
                return true;
            }
        }
        return false;
    }

    private boolean splitsLikeThis(long factor, long rightIn) {
        return factorization(leftOut * w2Out, factor) == leftOut && factorization(leftIn * rightIn, factor) == leftIn
                && leftOut <= w2Out && leftIn <= rightIn;
    }

    private LycorisReload reload(long rightIn) {
        boolean bothFull = leftRank == 0 && rank == 0;
        // for Tucker factors the loader takes w2_a's columns for the rank, and they are the outputs
        long assumed = leftRank > 0 ? leftRank : tucker ? w2Out : rank;
        if (!splitsLikeThis(guessedFactor(), rightIn)) {
            return LycorisReload.RAISES;
        }
        if (bothFull) {
            return LycorisReload.LOADS;
        }
        boolean leftFactored = leftRank > 0 && rank > 0 && 2 * assumed < Math.max(leftOut, leftIn);
        boolean rightFactored = 2 * assumed < Math.max(w2Out, rightIn);
        if (leftFactored != leftRank > 0 || rightFactored != rank > 0) {
            return LycorisReload.RAISES;
        }
        if (rank > 0 && rank != assumed) {
            return rank == 1 ? LycorisReload.BROADCASTS : LycorisReload.RAISES;
        }
        return LycorisReload.LOADS;
    }

    private long guessedFactor() {
        long rows = tucker ? rank : w2Out; // w2_a's first dimension
        long out = leftOut * rows;
        long in = leftIn * w2In;
        if (leftOut == factorization(out, -1) && leftIn == factorization(in, -1)) {
            return -1;
        }
        long first = Math.max(leftOut, leftIn);
        long second = Math.max(rows, w2In);
        return isFactor(first, rows, out, in) ? first : isFactor(second, rows, out, in) ? second : Math.min(first, second);
    }

    private boolean isFactor(long factor, long rows, long out, long in) {
        return out % factor == 0
                && in % factor == 0
                && (factor == leftOut || factor == rows)
                && (factor == leftIn || factor == w2In);
    }

    /**
     * The smaller of the two numbers into which LyCORIS splits a dimension: {@code functional/general.py}
     * {@code factorization}.
     */
    static long factorization(long dimension, long factor) {
        if (factor > 0 && dimension % factor == 0) {
            return Math.min(factor, dimension / factor);
        }
        long limit = factor < 0 ? dimension : factor;
        long best = 1;
        // the sum of the pair falls up to the square root: the largest divisor below it is the last that is taken
        for (long m = 2; m <= limit && m * m <= dimension; m++) {
            if (dimension % m == 0) {
                best = m;
            }
        }
        return best;
    }
}

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
 * @param leftOut rows of the first factor
 * @param leftIn columns of the first factor
 * @param w2Out rows of the second factor
 * @param w2In columns of the second factor as stored: in flattened ones the kernel is in them
 * @param leftRank rank of the first factor; 0 when it is stored in full
 * @param rank rank of the second factor; 0 when it is stored in full
 * @param kernelDims dimensions of the kernel; -1 where the factors do not say
 */
record LycorisLokr(
        long leftOut, long leftIn, long w2Out, long w2In, long leftRank, long rank, boolean tucker, int kernelDims) {
    /** With the kernel. Larger layers do not exist, and the search for divisors grows with the square root. */
    private static final long MAX_FEATURES = 1 << 24;

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

    /** Of several kernels that flattened factors can hold, those count that need the least unusual factor. */
    LycorisReload reload() {
        if (outOfRange(leftOut, tucker ? Math.max(w2Out, rank) : w2Out) || outOfRange(leftIn, w2In)) {
            return LycorisReload.OPEN;
        }
        for (Written written : Written.values()) {
            LycorisReload reload = reload(written);
            if (reload != null) {
                return reload;
            }
        }
        return LycorisReload.OPEN;
    }

    /** By what factor LyCORIS may have split the dimensions when it wrote the file. */
    private enum Written {
        /** The default, or one that is the smaller part of a dimension. */
        BY_SMALL_FACTOR,
        /** One that is the larger part. */
        BY_LARGE_FACTOR,
        /** With unbalanced_factorization, or by another program. */
        OTHERWISE
    }

    /** What happens with every kernel possible; null when none is. */
    private LycorisReload reload(Written written) {
        LycorisReload agreed = null;
        for (long kernel : kernelDims < 0 ? ANY_KERNEL : KERNELS[kernelDims]) {
            if (w2In % kernel != 0 || !isPossible(written, w2In / kernel)) {
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

    private boolean isPossible(Written written, long rightIn) {
        return switch (written) {
            case BY_SMALL_FACTOR ->
                isFactored(rank, rightIn)
                        && (splitsLikeThis(-1, rightIn)
                                || splitsLikeThis(leftOut, rightIn)
                                || splitsLikeThis(leftIn, rightIn));
            case BY_LARGE_FACTOR ->
                isFactored(rank, rightIn) && (splitsLikeThis(w2Out, rightIn) || splitsLikeThis(rightIn, rightIn));
            case OTHERWISE -> true;
        };
    }

    private static boolean outOfRange(long left, long right) {
        return left < 1 || right < 1 || left > MAX_FEATURES || right > MAX_FEATURES || left * right > MAX_FEATURES;
    }

    /** Whether LyCORIS makes a product of a second factor of that rank; of a full one it is told that it is. */
    private boolean isFactored(long ofRank, long rightIn) {
        return rank == 0 || 2 * ofRank < Math.max(w2Out, rightIn);
    }

    private boolean splitsLikeThis(long factor, long rightIn) {
        return factorization(leftOut * w2Out, factor) == leftOut
                && factorization(leftIn * rightIn, factor) == leftIn
                && leftOut <= w2Out
                && leftIn <= rightIn;
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
        if (leftFactored != leftRank > 0 || rank == 0 || !isFactored(assumed, rightIn)) {
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
        return isFactor(first, rows, out, in)
                ? first
                : isFactor(second, rows, out, in) ? second : Math.min(first, second);
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

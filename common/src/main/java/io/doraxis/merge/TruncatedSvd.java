package io.doraxis.merge;

import java.util.Arrays;
import java.util.Random;

/**
 * The largest singular values of a matrix and their vectors, by randomised subspace iteration (Halko, Martinsson and Tropp
 * 2011, algorithm 4.4): a random block of vectors is multiplied by the matrix and its transpose in turn, which turns it to
 * the strongest directions. One decomposition serves every rank up to the one that was asked for. The seed is fixed: the
 * same matrix gives the same bits on the same kernel.
 */
public final class TruncatedSvd {
    private static final int ITERATIONS = 3;

    /** Share of a square of a norm that is lost in products. */
    private static final double ROUNDING = 0x1p-24;

    private final int rows;
    private final int columns;

    /** Left singular vectors times their singular values, one per row. */
    private final FloatMatrix left;

    /** Right singular vectors, one per row. */
    private final FloatMatrix right;

    /** Singular values squared, largest first. */
    private final double[] squares;

    private final double squaredNorm;

    private TruncatedSvd(FloatMatrix matrix, RowBlock start, int iterations, TensorKernel kernel) {
        FloatMatrix transposed = matrix.transposed();
        RowBlock basis = start;
        for (int i = 0; i < iterations; i++) {
            basis = basis.times(transposed, kernel).orthonormal(kernel);
            basis = basis.times(matrix, kernel).orthonormal(kernel);
        }
        basis = basis.orthonormal(kernel); // what the first time left of strong vectors in weak ones
        RowBlock projected = basis.times(transposed, kernel);
        SymmetricEigen axes = SymmetricEigen.of(projected.gram());
        RowBlock turns =
                new RowBlock(FloatMatrix.of(axes.vectors(), basis.vectors().rows()));
        this.rows = matrix.rows();
        this.columns = matrix.columns();
        this.left = turns.times(projected.vectors(), kernel).vectors();
        this.right = turns.times(basis.vectors(), kernel).vectors();
        this.squares = axes.values();
        this.squaredNorm = matrix.squaredNorm();
    }

    /**
     * Within half a percent of the least error that a rank can have.
     *
     * @param rank the largest that will be asked for; no more than the shorter side counts
     */
    public static TruncatedSvd of(FloatMatrix matrix, int rank, TensorKernel kernel) {
        return new TruncatedSvd(matrix, start(matrix, rank), ITERATIONS, kernel);
    }

    /** With an iteration less: to go on from with {@link #near}. */
    public static TruncatedSvd rough(FloatMatrix matrix, int rank, TensorKernel kernel) {
        return new TruncatedSvd(matrix, start(matrix, rank), ITERATIONS - 1, kernel);
    }

    /** Of a matrix near to this one, for which an iteration less suffices. */
    public TruncatedSvd near(FloatMatrix matrix, int rank, TensorKernel kernel) {
        int vectors = Math.min(oversampled(rank), right.rows());
        return new TruncatedSvd(matrix, new RowBlock(right.rowRange(0, vectors)), ITERATIONS - 1, kernel);
    }

    private static RowBlock start(FloatMatrix matrix, int rank) {
        int side = Math.min(matrix.rows(), matrix.columns());
        int vectors = Math.min(oversampled(Math.min(rank, side)), side);
        return new RowBlock(random(vectors, matrix.columns()));
    }

    /** With vectors beyond the rank: the last ones of a block are the least exact. */
    private static int oversampled(int rank) {
        return rank + 8 + rank / 8;
    }

    private static FloatMatrix random(int rows, int columns) {
        Random random = new Random(31L * rows + columns);
        FloatMatrix numbers = FloatMatrix.zeros(rows, columns);
        for (int i = 0; i < numbers.values().length; i++) {
            numbers.values()[i] = random.nextFloat() - 0.5f;
        }
        return numbers;
    }

    /**
     * The least rank, 1 at least, at which what is cut off is within a norm; the largest known where none is. An estimate
     * where the norm is near to the rounding of float32.
     */
    public int rankWithin(double norm) {
        double unknown = squaredNorm - Arrays.stream(squares).sum();
        double cutOff = unknown > ROUNDING * squaredNorm ? unknown : 0;
        int rank = squares.length;
        while (rank > 1 && cutOff + squares[rank - 1] <= norm * norm) {
            rank--;
            cutOff += squares[rank];
        }
        return Math.max(1, rank);
    }

    /** The left factor at a rank, [rows, rank]: singular vectors times the roots of their singular values. */
    public FloatMatrix left(int rank) {
        FloatMatrix factor = FloatMatrix.zeros(rank, rows);
        copy(left, rank, -0.25, factor);
        return factor.transposed();
    }

    /** The right factor at a rank, [rank, columns]: singular vectors times the roots of their singular values. */
    public FloatMatrix right(int rank) {
        FloatMatrix factor = FloatMatrix.zeros(rank, columns);
        copy(right, rank, 0.25, factor);
        return factor;
    }

    /** Vectors times a power of their squared singular value; zeros where there are no more of them. */
    private void copy(FloatMatrix vectors, int rank, double power, FloatMatrix factor) {
        for (int i = 0; i < Math.min(rank, squares.length); i++) {
            double scale = squares[i] > 0 ? Math.pow(squares[i], power) : 0;
            for (int j = 0; j < vectors.columns(); j++) {
                int at = i * vectors.columns() + j;
                factor.values()[at] = (float) (scale * vectors.values()[at]);
            }
        }
    }
}

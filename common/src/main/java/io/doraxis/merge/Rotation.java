package io.doraxis.merge;

import static io.doraxis.adapter.Role.ALPHA;
import static io.doraxis.adapter.Role.OFT_BLOCKS;
import static io.doraxis.adapter.Role.OFT_RESCALE;

import io.doraxis.adapter.Algorithm;
import java.util.ArrayList;
import java.util.List;

/**
 * Orthogonal fine-tuning as LyCORIS 4.1.3 stores it: rotations of a weight's rows by Cayley transforms. Diag-OFT applies
 * the transpose of each block, BOFT its blocks as they are, in butterfly stages.
 */
final class Rotation {
    private static final double NORM_EPSILON = 1e-8;

    private Rotation() {}

    /** @param strength of each rotation R: strength R + (1 - strength) I, LyCORIS' multiplier */
    static Matrix of(Factors factors, Matrix base, double strength) {
        if (!factors.has(OFT_BLOCKS)) {
            throw new IllegalArgumentException("only LyCORIS' oft_blocks are rebuilt");
        }
        double alpha = factors.has(ALPHA)
                ? factors.data().scalar(factors.module().tensors().get(ALPHA)).orElse(0)
                : 0;
        int size = Math.toIntExact(
                factors.shape(OFT_BLOCKS).dim(factors.shape(OFT_BLOCKS).rank() - 1));
        long perStage = factors.shape(OFT_BLOCKS).elements() / Math.max(1, (long) size * size);
        if (size == 0 || base.rows() % size != 0 || perStage % (base.rows() / size) != 0) {
            throw new IllegalArgumentException(
                    "blocks of " + factors.shape(OFT_BLOCKS) + " for a weight of " + base.rows() + " rows");
        }
        List<Matrix> blocks = rotations(factors.values(OFT_BLOCKS), size, alpha * base.rows(), strength);
        Matrix rotated = factors.module().algorithm() == Algorithm.OFT
                ? diagonal(blocks.stream().map(Matrix::transposed).toList(), size, base)
                : butterfly(blocks, size, base);
        if (factors.has(OFT_RESCALE)) {
            double[] rescale = factors.values(OFT_RESCALE);
            if (rescale.length != rotated.rows()) {
                throw new IllegalArgumentException(rescale.length + " scales for " + rotated.rows() + " rows");
            }
            for (int row = 0; row < rotated.rows(); row++) {
                rotated.scaleRow(row, rescale[row]);
            }
        }
        return rotated;
    }

    /** (I + Q) (I - Q)^-1 of each block, Q = X - X^T, all of them shrunk until their common norm is the constraint. */
    private static List<Matrix> rotations(double[] blocks, int size, double constraint, double strength) {
        List<Matrix> skews = new ArrayList<>();
        double squares = 0;
        for (int at = 0; at < blocks.length; at += size * size) {
            Matrix skew = Matrix.zeros(size, size);
            for (int row = 0; row < size; row++) {
                for (int column = 0; column < size; column++) {
                    double value = blocks[at + row * size + column] - blocks[at + column * size + row];
                    skew.add(row, column, value);
                    squares += value * value;
                }
            }
            skews.add(skew);
        }
        double norm = Math.sqrt(squares) + NORM_EPSILON;
        double shrink = constraint > 0 && norm > constraint ? constraint / norm : 1;
        Matrix identity = Matrix.identity(size);
        return skews.stream()
                .map(skew -> skew.scaled(shrink))
                .map(skew ->
                        identity.plus(skew).times(identity.plus(skew.scaled(-1)).inverse()))
                .map(rotation -> rotation.scaled(strength).plus(identity.scaled(1 - strength)))
                .toList();
    }

    /** Each block times its rows, one after the other. */
    static Matrix diagonal(List<Matrix> blocks, int size, Matrix weight) {
        int[] order = new int[weight.rows()];
        for (int row = 0; row < order.length; row++) {
            order[row] = row;
        }
        return rotated(blocks, size, weight, order);
    }

    private static Matrix butterfly(List<Matrix> blocks, int size, Matrix base) {
        int perStage = base.rows() / size;
        Matrix weight = base;
        int span = size / 2;
        for (int from = 0; from < blocks.size(); from += perStage) {
            weight = rotated(blocks.subList(from, from + perStage), size, weight, paired(base.rows(), span));
            span *= 2;
        }
        return weight;
    }

    /** The rows of each double span, taken in turn from its two halves. */
    private static int[] paired(int rows, int span) {
        int[] order = new int[rows];
        int next = 0;
        for (int begin = 0; begin < rows; begin += 2 * span) {
            for (int i = 0; i < span; i++) {
                order[next++] = begin + i;
                order[next++] = begin + span + i;
            }
        }
        return order;
    }

    /** Each block times its rows, of which {@code order} says where in the weight they stand. */
    static Matrix rotated(List<Matrix> blocks, int size, Matrix weight, int[] order) {
        Matrix rotated = Matrix.zeros(weight.rows(), weight.columns());
        for (int row = 0; row < weight.rows(); row++) {
            Matrix block = blocks.get(row / size);
            int begin = row - row % size;
            for (int inner = 0; inner < size; inner++) {
                double factor = block.at(row % size, inner);
                for (int column = 0; column < weight.columns(); column++) {
                    rotated.add(order[row], column, factor * weight.at(order[begin + inner], column));
                }
            }
        }
        return rotated;
    }
}

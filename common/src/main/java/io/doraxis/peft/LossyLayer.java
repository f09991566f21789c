package io.doraxis.peft;

import io.doraxis.merge.FloatMatrix;
import io.doraxis.merge.MergeRefusedException;
import io.doraxis.merge.MergeRefusedException.Code;

/**
 * A layer whose merged weight is wanted in a form that cannot hold it exactly.
 *
 * @param name of the module, for messages
 * @param base W0, [out, in * kernel]
 * @param merged W', of the same shape
 * @param loraB the adapter's left factor, [out, rank]; of rank 0 where no form keeps it
 * @param loraA the adapter's right factor, [rank, in * kernel]
 * @param scale alpha / rank: the delta weight is {@code scale * loraB * loraA}
 */
public record LossyLayer(
        String name, FloatMatrix base, FloatMatrix merged, FloatMatrix loraB, FloatMatrix loraA, double scale) {
    /** @throws IllegalArgumentException if the shapes do not fit */
    public LossyLayer {
        boolean fits = merged.rows() == base.rows()
                && merged.columns() == base.columns()
                && loraB.rows() == base.rows()
                && loraA.columns() == base.columns()
                && loraB.columns() == loraA.rows();
        if (!fits) {
            throw new IllegalArgumentException("%s: [%d, %d] x [%d, %d] from [%d, %d] to [%d, %d]"
                    .formatted(
                            name,
                            loraB.rows(),
                            loraB.columns(),
                            loraA.rows(),
                            loraA.columns(),
                            base.rows(),
                            base.columns(),
                            merged.rows(),
                            merged.columns()));
        }
    }

    /** @throws MergeRefusedException if one of the numbers is none */
    void requireFinite() throws MergeRefusedException {
        requireFinite("the base weight", base);
        requireFinite("the merged weight", merged);
        requireFinite("lora_B", loraB);
        requireFinite("lora_A", loraA);
        if (!Double.isFinite(scale)) {
            throw new MergeRefusedException(Code.NOT_FINITE, "%s: the scale is %s".formatted(name, scale));
        }
    }

    private void requireFinite(String tensor, FloatMatrix matrix) throws MergeRefusedException {
        for (int i = 0; i < matrix.rows() * matrix.columns(); i++) {
            float value = matrix.values()[matrix.offset() + i];
            if (!Float.isFinite(value)) {
                throw new MergeRefusedException(
                        Code.NOT_FINITE,
                        "%s: %s holds %s at [%d, %d]"
                                .formatted(name, tensor, value, i / matrix.columns(), i % matrix.columns()));
            }
        }
    }
}

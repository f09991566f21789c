package io.doraxis.peft;

import io.doraxis.merge.FloatMatrix;
import java.util.Optional;

/**
 * A layer in one of PEFT's forms, as it would be stored in float32, and how far the weight W'' that PEFT makes of it is from
 * the merged one.
 *
 * @param loraB [out, rank]
 * @param loraA [rank, in * kernel]
 * @param scale alpha / rank
 * @param magnitude [out, 1]; empty for plain LoRA
 * @param relativeError {@code ||W'' - W'|| / ||W' - W0||} (Frobenius), relative to what the adapter changes; NaN where PEFT
 *     makes NaN of it
 * @param change {@code ||W' - W0||}, or a little where that is less
 */
public record LossyFit(
        LossyForm form,
        FloatMatrix loraB,
        FloatMatrix loraA,
        double scale,
        Optional<FloatMatrix> magnitude,
        double relativeError,
        double change) {

    public int rank() {
        return loraA.rows();
    }

    /** Whether it errs by no more than that. */
    public boolean isWithin(double relativeError) {
        return this.relativeError <= relativeError;
    }
}

package io.doraxis.merge;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.tensorfile.TensorData;
import java.util.OptionalInt;

/** Rows of a base weight that a delta weight leaves zero: PEFT divides by their norm. */
public final class ZeroRows {
    private ZeroRows() {}

    /**
     * The first of them.
     *
     * @param base [out, in * kernel]; overwritten
     * @throws IllegalArgumentException if the factors do not fit
     */
    public static OptionalInt first(AdapterModule module, FloatMatrix base, TensorData data) {
        Delta delta = DeltaWeight.delta(module, data);
        if (delta.rows() != base.rows() || delta.columns() != base.columns()) {
            throw new IllegalArgumentException(module.name() + ": the factors are not those of the base weight");
        }
        delta.addRows(base, 0, module.scale().floatValue(), new JavaKernel());
        for (int row = 0; row < base.rows(); row++) {
            int from = base.offset() + row * base.columns();
            boolean zero = true;
            for (int i = from; i < from + base.columns() && zero; i++) {
                zero = base.values()[i] == 0;
            }
            if (zero) {
                return OptionalInt.of(row);
            }
        }
        return OptionalInt.empty();
    }
}

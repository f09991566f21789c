package io.doraxis.consumer;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.LayerKind;
import io.doraxis.adapter.Magnitude;
import io.doraxis.dora.ModuleAxis;
import io.doraxis.tensorfile.Shape;

/** The facts of a module's magnitude: its key, its layout and its axis. */
final class MagnitudeFacts {
    private MagnitudeFacts() {}

    static long of(AdapterModule module, ModuleAxis resolved) {
        return Fact.DORA.bit() | key(module.magnitude()) | layout(module) | axis(resolved);
    }

    private static long key(Magnitude magnitude) {
        return Fact.DORA_SCALE.when(magnitude.kind() == Magnitude.Kind.DORA_SCALE)
                | Fact.LORA_MAGNITUDE_VECTOR.when(magnitude.kind() == Magnitude.Kind.LORA_MAGNITUDE_VECTOR);
    }

    private static long layout(AdapterModule module) {
        Shape shape = module.magnitude().shape();
        boolean onlyOut = shape.elements() == module.out() && module.out() > 0;
        boolean column = onlyOut && shape.rank() >= 2 && shape.dim(0) == module.out() && hasWeightRank(module);
        boolean flat = shape.rank() == 1;
        boolean fitsPeft = module.layerKind() == LayerKind.CONV
                ? onlyOut && shape.rank() >= 3 && shape.dim(1) == module.out() && hasWeightRank(module)
                : onlyOut && flat;
        return Fact.MAGNITUDE_COLUMN.when(column)
                | Fact.MAGNITUDE_ROW.when(shape.rank() >= 2 && shape.dim(0) == 1 && shape.dim(1) != 1)
                | Fact.MAGNITUDE_FLAT.when(flat)
                | Fact.MAGNITUDE_SINGLE.when(shape.elements() == 1)
                | Fact.MAGNITUDE_FITS_PEFT.when(fitsPeft);
    }

    /** Whether the magnitude has as many dimensions as the weight, as far as the factors say. */
    private static boolean hasWeightRank(AdapterModule module) {
        int rank = module.magnitude().shape().rank();
        return switch (module.layerKind()) {
            case LINEAR, EMBEDDING -> rank == 2;
            case CONV ->
                module.kernel().rank() == 0 || rank == 2 + module.kernel().rank();
            case NORM, UNKNOWN -> true;
        };
    }

    private static long axis(ModuleAxis resolved) {
        return switch (resolved) {
            case INPUT -> Fact.RESOLVED_INPUT.bit();
            case OUTPUT -> Fact.RESOLVED_OUTPUT.bit();
            case AMBIGUOUS -> Fact.RESOLVED_AMBIGUOUS.bit();
            case INVALID -> Fact.INVALID_MAGNITUDE.bit();
            case NONE -> 0;
        };
    }
}

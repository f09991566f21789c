package io.doraxis.dora;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Magnitude;
import io.doraxis.tensorfile.Shape;
import java.util.Set;

/**
 * The axis that one module's shapes prove. A pure function: two predicates (does the length fit the inputs, does it fit
 * the outputs) and the position of the one long dimension.
 *
 * <p>LyCORIS writes [out, 1...] or [1, in...], PEFT [out], or [1, out, 1, 1] for convolutions; files that were renamed
 * from PEFT's to LyCORIS' keys keep PEFT's shapes. A flat length or a [1, n, 1, 1] alone therefore proves nothing on a
 * square layer.
 */
final class ModuleClassifier {
    /** Elements of the kernels that are in use: 3, 5 and 7 wide in one dimension or two, 3 in three. */
    private static final Set<Long> KERNEL_SIZES = Set.of(3L, 5L, 7L, 9L, 25L, 27L, 49L);

    private ModuleClassifier() {}

    /** @param renamedPeftConvs whether another convolution of the file shows PEFT's layout under LyCORIS' key */
    static ModuleVerdict classify(AdapterModule module, boolean renamedPeftConvs) {
        Magnitude magnitude = module.magnitude();
        if (magnitude == null) {
            return ModuleVerdict.NONE;
        }
        if (!module.isComplete() || module.out() <= 0) {
            return invalid(module, "no complete factors beside it");
        }
        if (magnitude.kind() != Magnitude.Kind.DORA_SCALE) {
            return magnitude.shape().elements() == module.out()
                    ? ModuleVerdict.of(ModuleAxis.OUTPUT, Evidence.Kind.KEY_NAME)
                    : invalid(module, "its key means one value per output");
        }
        Shape shape = magnitude.shape();
        return switch (shape.nonUnitDims()) {
            case 0 -> singleElement(module);
            case 1 -> shape.rank() == 1 ? flat(module) : positioned(module, renamedPeftConvs);
            default -> invalid(module, "more than one long dimension");
        };
    }

    /** Whether a convolution has [1, out, 1...] where only PEFT's layout fits. */
    static boolean showsRenamedPeftConv(AdapterModule module) {
        Magnitude magnitude = module.magnitude();
        if (magnitude == null || magnitude.kind() != Magnitude.Kind.DORA_SCALE || !module.isComplete()) {
            return false;
        }
        Shape shape = magnitude.shape();
        return shape.rank() >= 3
                && shape.nonUnitDims() == 1
                && shape.dim(1) != 1
                && shape.dim(1) == module.out()
                && !fitsInput(module, shape.dim(1));
    }

    private static ModuleVerdict singleElement(AdapterModule module) {
        boolean input = fitsInput(module, 1);
        boolean output = module.out() == 1;
        if (input && output) {
            return new ModuleVerdict(
                    ModuleAxis.AMBIGUOUS, Evidence.Kind.FITS_BOTH, "one row and one column: both axes are the same");
        }
        if (!input && !output) {
            return invalid(module, "one value");
        }
        return ModuleVerdict.of(input ? ModuleAxis.INPUT : ModuleAxis.OUTPUT, Evidence.Kind.SINGLE_ELEMENT);
    }

    private static ModuleVerdict flat(AdapterModule module) {
        long length = module.magnitude().shape().dim(0);
        boolean input = fitsInput(module, length);
        boolean output = length == module.out();
        if (input && output) {
            return new ModuleVerdict(
                    ModuleAxis.AMBIGUOUS, Evidence.Kind.FITS_BOTH, "flat magnitude [" + length + "] fits both axes");
        }
        if (!input && !output) {
            return invalid(module, "flat");
        }
        return ModuleVerdict.of(input ? ModuleAxis.INPUT : ModuleAxis.OUTPUT, Evidence.Kind.FLAT_LENGTH);
    }

    private static ModuleVerdict positioned(AdapterModule module, boolean renamedPeftConvs) {
        Shape shape = module.magnitude().shape();
        boolean convolution = shape.rank() >= 3;
        if (shape.dim(0) != 1) {
            if (shape.dim(0) != module.out()) {
                return invalid(module, "its rows are not the layer's outputs");
            }
            return ModuleVerdict.of(ModuleAxis.OUTPUT, layerEvidence(module, shape.dim(0)));
        }
        long length = shape.dim(1);
        if (length == 1) {
            return invalid(module, "its long dimension is a kernel's");
        }
        boolean output = length == module.out();
        if (fitsInput(module, length)) {
            if (output && convolution && renamedPeftConvs) {
                return new ModuleVerdict(
                        ModuleAxis.AMBIGUOUS,
                        Evidence.Kind.FITS_BOTH,
                        "square convolution in a file with renamed PEFT convolutions");
            }
            return ModuleVerdict.of(ModuleAxis.INPUT, layerEvidence(module, length));
        }
        if (output && convolution) {
            return ModuleVerdict.of(ModuleAxis.OUTPUT, Evidence.Kind.RENAMED_PEFT_CONV);
        }
        return invalid(module, "its columns are not the layer's inputs");
    }

    private static Evidence.Kind layerEvidence(AdapterModule module, long length) {
        boolean both = length == module.out() && fitsInput(module, length);
        return both ? Evidence.Kind.SQUARE_LAYER : Evidence.Kind.RECTANGULAR_LAYER;
    }

    /**
     * Whether a magnitude of that length can count the layer's inputs. Flattened LoHa and LoKr factors hold in·kernel:
     * there every quotient that is the size of a usual kernel leaves the input axis possible.
     */
    private static boolean fitsInput(AdapterModule module, long length) {
        if (module.in() <= 0 || length <= 0) {
            return false;
        }
        if (module.in() == length) {
            return true;
        }
        return module.flattened() && module.in() % length == 0 && KERNEL_SIZES.contains(module.in() / length);
    }

    private static ModuleVerdict invalid(AdapterModule module, String why) {
        return new ModuleVerdict(
                ModuleAxis.INVALID,
                Evidence.Kind.FITS_NEITHER,
                "magnitude %s on out %d, in %d: %s"
                        .formatted(module.magnitude().shape(), module.out(), module.in(), why));
    }
}

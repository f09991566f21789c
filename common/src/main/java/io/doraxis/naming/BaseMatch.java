package io.doraxis.naming;

import static io.doraxis.tensorfile.Finding.Code.NOT_IN_BASE;
import static io.doraxis.tensorfile.Finding.Code.OTHER_SHAPE_IN_BASE;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.LayerKind;
import io.doraxis.naming.BaseNames.Ambiguous;
import io.doraxis.naming.BaseNames.Placed;
import io.doraxis.naming.BaseNames.Resolution;
import io.doraxis.tensorfile.Finding;
import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.Tally;
import java.util.ArrayList;
import java.util.List;

/**
 * An adapter held against a base model: each module's notes name its weight, and dimensions that flattened factors
 * leave open are the weight's.
 *
 * @param adapter with what the base adds
 * @param findings modules that the base lacks, or has in another shape
 */
public record BaseMatch(AdapterIndex adapter, List<Finding> findings) {
    public static BaseMatch of(AdapterIndex adapter, BaseNames base) {
        List<AdapterModule> modules = new ArrayList<>(adapter.modules().size());
        Tally missing = new Tally();
        Tally different = new Tally();
        for (AdapterModule module : adapter.modules()) {
            Resolution resolution = base.resolve(module.name());
            if (resolution instanceof Placed place) {
                boolean fits = fits(module, place.shape());
                if (!fits) {
                    different.add(module.name());
                }
                modules.add(placed(module, place, fits));
            } else {
                missing.add(module.name());
                modules.add(module.noted(
                        resolution instanceof Ambiguous ambiguous
                                ? "ambiguous in the base: "
                                        + ambiguous.weights().get(0).name() + " or "
                                        + ambiguous.weights().get(1).name()
                                : "not in the base"));
            }
        }
        List<Finding> findings = new ArrayList<>();
        missing.report(NOT_IN_BASE, "%d modules are not in the base, or not in one place, such as ", findings);
        different.report(OTHER_SHAPE_IN_BASE, "%d modules have another shape in the base, such as ", findings);
        return new BaseMatch(adapter.withModules(modules), findings);
    }

    /** Whether the weight can have the module's dimensions, as far as the factors tell them. */
    private static boolean fits(AdapterModule module, Shape weight) {
        long in = weight.dimOrOne(1);
        boolean rows = module.out() <= 0 || module.out() == weight.dimOrOne(0) || isTransposed(module, weight);
        boolean columns = module.in() <= 0
                || module.in() == in
                || module.flattened() && module.in() == in * weight.from(2).elements()
                || isTransposed(module, weight);
        return rows && columns;
    }

    /** Embeddings, and GPT-2's Conv1D, keep their weight as [in, out]. */
    private static boolean isTransposed(AdapterModule module, Shape weight) {
        return weight.rank() == 2 && module.in() == weight.dim(0) && module.out() == weight.dim(1);
    }

    private static AdapterModule placed(AdapterModule module, Placed place, boolean fits) {
        Shape weight = place.shape();
        String note = "base weight " + place
                + (fits ? "" : " is " + weight + ", the factors give [" + module.out() + ", " + module.in() + "]");
        if (!fits || !module.flattened()) {
            return module.noted(note);
        }
        Shape kernel = weight.from(2);
        return module.unflattened(kernel.rank() == 0 ? LayerKind.LINEAR : LayerKind.CONV, weight.dimOrOne(1), kernel)
                .noted(note);
    }
}

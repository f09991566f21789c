package io.doraxis.peft;

import io.doraxis.adapter.AdapterIndex;
import io.doraxis.adapter.AdapterModule;
import io.doraxis.dora.CheckpointVerdict;
import io.doraxis.naming.ModulePath;
import io.doraxis.peft.ExportPlanner.Possibility;
import java.util.List;

/** The best that an adapter can be in PEFT's layout, by a look at each module: cheap enough for every file of a hub. */
final class Possibilities {
    private static final String FLATTENED = "; the base model tells the paths of its flattened names (--base)";

    private Possibilities() {}

    static Possibility of(AdapterIndex adapter, CheckpointVerdict verdict) {
        List<AdapterModule> modules = adapter.modules();
        Treatment worst = Treatment.PRODUCT;
        String name = null;
        boolean dora = false;
        for (int i = 0; i < modules.size(); i++) {
            AdapterModule module = modules.get(i);
            Treatment treatment =
                    Treatment.of(module, verdict.resolved(verdict.modules().get(i)));
            dora |= treatment == Treatment.OUTPUT_DORA;
            if (treatment.outcome().ordinal() > worst.outcome().ordinal()) {
                worst = treatment;
                name = module.name();
            }
        }
        if (name != null) {
            return new Possibility(worst.outcome(), name + ": " + worst.reason());
        }
        if (modules.isEmpty()) {
            return new Possibility(ExportOutcome.IMPOSSIBLE, "it has no modules");
        }
        String what = dora ? "LoRA with DoRA on the output axis" : "factors as PEFT has them, or of their true rank";
        boolean flat = ModulePath.localName(modules.get(0).name()).indexOf('.') < 0;
        return new Possibility(ExportOutcome.EXACT, flat ? what + FLATTENED : what);
    }
}

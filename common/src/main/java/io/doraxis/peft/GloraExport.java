package io.doraxis.peft;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.merge.FactoredDelta;
import io.doraxis.peft.PeftTensor.Computed;
import io.doraxis.peft.PeftTensor.Value;
import io.doraxis.tensorfile.Shape;
import java.util.ArrayList;
import java.util.List;

/**
 * PEFT's GLoRA W0 + W0 * A + B, with A and B of rank R and multiplied element by element: the decomposed weight (W0 + s B A)
 * D of the input axis is that with A = 1 (d - 1) and B = s B (A D), of the output axis with A = (d - 1) 1. Linear layers
 * only; one rank for all.
 */
final class GloraExport {
    private GloraExport() {}

    static boolean holds(PlacedModule placed) {
        return placed.treatment().isProduct() && placed.isLinear() && placed.hasDirection();
    }

    static PeftAdapter of(String folder, List<PlacedModule> modules) {
        int rank = 1;
        for (PlacedModule placed : modules) {
            rank = Math.max(rank, Math.toIntExact(FactoredDelta.rank(placed.module())));
        }
        List<PeftModule> exported = new ArrayList<>(modules.size());
        for (PlacedModule placed : modules) {
            exported.add(new PeftModule(placed.module(), placed.path(), rank, 0, tensors(placed, rank)));
        }
        return new PeftAdapter(
                folder,
                PeftType.GLORA,
                exported,
                List.of(
                        new PeftAdapter.Field("config_A_B", "lora"),
                        new PeftAdapter.Field("config_C", "none"),
                        new PeftAdapter.Field("config_D_E", "none"),
                        new PeftAdapter.Field("init_weights", true)));
    }

    private static List<PeftTensor> tensors(PlacedModule placed, int rank) {
        long out = placed.weight().shape().dim(0);
        long in = placed.weight().shape().dim(1);
        return List.of(
                tensor(placed, "A.Xd", Value.GLORA_A_LEFT, out, rank),
                tensor(placed, "A.Xu", Value.GLORA_A_RIGHT, rank, in),
                tensor(placed, "B.Xd", Value.GLORA_B_LEFT, out, rank),
                tensor(placed, "B.Xu", Value.GLORA_B_RIGHT, rank, in),
                tensor(placed, "C.zeros", Value.ZEROS, in, 1), // PEFT warns where these are not there
                tensor(placed, "D.zeros", Value.ZEROS, out),
                tensor(placed, "E.zeros", Value.ZEROS, out));
    }

    private static PeftTensor tensor(PlacedModule placed, String name, Value value, long... dims) {
        AdapterModule module = placed.module();
        return new PeftTensor(placed.prefix() + ".glora_" + name, Shape.of(dims), new Computed(module, value));
    }
}

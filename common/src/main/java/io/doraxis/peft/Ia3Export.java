package io.doraxis.peft;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.Role;
import io.doraxis.peft.PeftTensor.Computed;
import io.doraxis.peft.PeftTensor.Value;
import io.doraxis.tensorfile.Shape;
import java.util.ArrayList;
import java.util.List;

/**
 * PEFT's IA3: a factor for each input of a layer, which PEFT calls feed-forward then, or for each output, by which PEFT
 * scales the bias too. Linear layers and convolutions of two and three dimensions.
 */
final class Ia3Export {
    /** A vector on a layer. */
    record Vector(PlacedModule placed, boolean onInput) {
        private PeftModule exported() {
            AdapterModule module = placed.module();
            Value value = placed.treatment() == Treatment.IA3 ? Value.ONE_MORE : Value.FACTORS;
            Shape weight = placed.weight().shape();
            long length = weight.dim(onInput ? 1 : 0);
            Shape shape = onInput || !placed.isLinear() ? placed.pointwise(1, length) : Shape.of(length, 1);
            PeftTensor vector = new PeftTensor(placed.prefix() + ".ia3_l", shape, new Computed(module, value));
            return new PeftModule(module, placed.path(), 0, 0, List.of(vector));
        }
    }

    private Ia3Export() {}

    /** Whether PEFT has IA3 on such a layer. */
    static boolean hasLayer(PlacedModule placed) {
        int dims = placed.kernel().rank();
        return placed.hasDirection() && (dims == 0 || dims == 2 || dims == 3);
    }

    /** Whether LyCORIS' vector scales inputs; of the layer's outputs otherwise. */
    static boolean isOnInput(AdapterModule module, ExportSource source) {
        return source.data().scalar(module.tensors().get(Role.IA3_ON_INPUT)).orElse(0) != 0;
    }

    static PeftAdapter of(String folder, List<Vector> vectors) {
        List<PeftModule> exported = new ArrayList<>(vectors.size());
        List<String> feedforward = new ArrayList<>();
        for (Vector vector : vectors) {
            exported.add(vector.exported());
            if (vector.onInput) {
                feedforward.add(vector.placed.path());
            }
        }
        return new PeftAdapter(
                folder,
                PeftType.IA3,
                exported,
                List.of(
                        new PeftAdapter.Field("fan_in_fan_out", false),
                        new PeftAdapter.Field("feedforward_modules", AdapterConfigJson.expression(feedforward)),
                        new PeftAdapter.Field("init_ia3_weights", true)));
    }
}

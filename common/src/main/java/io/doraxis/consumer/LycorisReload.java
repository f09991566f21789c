package io.doraxis.consumer;

import static io.doraxis.adapter.Role.DOWN;
import static io.doraxis.adapter.Role.GLORA_BM;
import static io.doraxis.adapter.Role.HADA_T1;
import static io.doraxis.adapter.Role.HADA_T2;
import static io.doraxis.adapter.Role.MID;
import static io.doraxis.adapter.Role.OFT_BLOCKS;
import static io.doraxis.adapter.Role.UP;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.adapter.ModuleTensors;
import io.doraxis.tensorfile.Shape;
import java.util.Map;

/**
 * What becomes of a module's factors, magnitude aside, when LyCORIS 4.1.3 makes a module of its own from them
 * ({@code make_module_from_state_dict}) and copies them into its buffers.
 */
enum LycorisReload {
    LOADS,
    RAISES,
    BROADCASTS,
    OPEN;

    /** @param lokr answers for the shapes of a file's LoKr modules, of which it has few */
    static LycorisReload of(AdapterModule module, Map<LycorisLokr, LycorisReload> lokr) {
        return switch (module.algorithm()) {
            case LORA -> lora(module);
            case LOHA -> loha(module);
            case LOKR -> lokr.computeIfAbsent(LycorisLokr.of(module), LycorisLokr::reload);
            case GLORA -> raisesIf(module.tensors().has(GLORA_BM)); // its Tucker form is never built
            case FULL -> raisesIf(module.kernel().rank() == 0 && module.in() == 0); // a normalisation layer's
            case OFT, BOFT -> rotation(module);
            case NORM, IA3, TLORA -> LOADS;
        };
    }

    private static LycorisReload raisesIf(boolean raises) {
        return raises ? RAISES : LOADS;
    }

    private static LycorisReload lora(AdapterModule module) {
        ModuleTensors t = module.tensors();
        if (!t.hasAll(UP, DOWN)) {
            return LOADS; // PEFT's embeddings, which it does not know by key
        }
        Shape up = t.shape(UP);
        Shape down = t.shape(DOWN);
        long rank = down.dimOrOne(0);
        if (t.has(MID) && isPointwise(module.kernel())) {
            return RAISES; // no core is built for a 1x1 kernel
        }
        boolean broadcasts = up.elements() == 1 || up.rank() >= 2 && up.dim(1) == 1;
        if (up.rank() != down.rank() && up.elements() != 1) {
            return RAISES; // DyLoRA stores a convolution's lora_up with two dimensions
        }
        return up.dimOrOne(1) == rank ? LOADS : broadcasts ? BROADCASTS : RAISES;
    }

    private static LycorisReload loha(AdapterModule module) {
        ModuleTensors t = module.tensors();
        return raisesIf(t.has(HADA_T1) && (!t.has(HADA_T2) || isPointwise(module.kernel())));
    }

    private static boolean isPointwise(Shape kernel) {
        return kernel.elements() == 1;
    }

    private static LycorisReload rotation(AdapterModule module) {
        if (!module.tensors().has(OFT_BLOCKS)) {
            return LOADS; // PEFT's
        }
        Shape blocks = module.tensors().shape(OFT_BLOCKS);
        if (blocks.rank() == 3) {
            return raisesIf(blocks.dim(1) > blocks.dim(0)); // it takes the smaller number for the block size
        }
        if (blocks.rank() != 4) {
            return RAISES;
        }
        long count = blocks.dim(1);
        boolean powerOfTwo = count > 0 && Long.bitCount(count) == 1;
        return raisesIf(
                !powerOfTwo || blocks.dim(2) % 2 != 0 || blocks.dim(0) != Long.numberOfTrailingZeros(count) + 1);
    }
}

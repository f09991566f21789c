package io.doraxis.adapter;

import static io.doraxis.adapter.Role.AI_TOOLKIT_MAGNITUDE;
import static io.doraxis.adapter.Role.ALPHA;
import static io.doraxis.adapter.Role.B_NORM;
import static io.doraxis.adapter.Role.DIFF;
import static io.doraxis.adapter.Role.DORA_SCALE;
import static io.doraxis.adapter.Role.DOWN;
import static io.doraxis.adapter.Role.EMBEDDING_DOWN;
import static io.doraxis.adapter.Role.EMBEDDING_UP;
import static io.doraxis.adapter.Role.GLORA_A1;
import static io.doraxis.adapter.Role.GLORA_A2;
import static io.doraxis.adapter.Role.GLORA_B1;
import static io.doraxis.adapter.Role.GLORA_B2;
import static io.doraxis.adapter.Role.HADA_T1;
import static io.doraxis.adapter.Role.HADA_W1_A;
import static io.doraxis.adapter.Role.HADA_W1_B;
import static io.doraxis.adapter.Role.HADA_W2_A;
import static io.doraxis.adapter.Role.HADA_W2_B;
import static io.doraxis.adapter.Role.IA3_ON_INPUT;
import static io.doraxis.adapter.Role.IA3_VECTOR;
import static io.doraxis.adapter.Role.LOKR_T2;
import static io.doraxis.adapter.Role.LOKR_W1;
import static io.doraxis.adapter.Role.LOKR_W1_A;
import static io.doraxis.adapter.Role.LOKR_W1_B;
import static io.doraxis.adapter.Role.LOKR_W2;
import static io.doraxis.adapter.Role.LOKR_W2_A;
import static io.doraxis.adapter.Role.LOKR_W2_B;
import static io.doraxis.adapter.Role.LORA_MAGNITUDE_VECTOR;
import static io.doraxis.adapter.Role.MID;
import static io.doraxis.adapter.Role.NVLABS_MAGNITUDE;
import static io.doraxis.adapter.Role.OFT_BLOCKS;
import static io.doraxis.adapter.Role.PEFT_BOFT_R;
import static io.doraxis.adapter.Role.PEFT_OFT_R;
import static io.doraxis.adapter.Role.TLORA_P;
import static io.doraxis.adapter.Role.TLORA_Q;
import static io.doraxis.adapter.Role.UP;
import static io.doraxis.adapter.Role.WEIGHT;
import static io.doraxis.adapter.Role.W_NORM;

import io.doraxis.tensorfile.Shape;
import io.doraxis.tensorfile.TensorData;
import io.doraxis.tensorfile.TensorInfo;
import java.util.List;
import java.util.OptionalDouble;

/**
 * Recovers from a module's factors the layer that they adapt: its true dimensions, rank and scale. Keys and shapes are
 * those of LyCORIS 4.1.3 and PEFT 0.21.2.
 */
final class ModuleReader {
    private static final Shape NO_KERNEL = Shape.of();
    private static final Scaling ALPHA_NOT_READ = new Scaling(null, null, "alpha not read");

    private final TensorData data;
    private final MetadataClaims.ClaimedScale claimed;
    private final PeftConfig config;
    private final DiffusersConfigs components;

    /** @param config null without an adapter_config.json */
    ModuleReader(TensorData data, MetadataClaims claims, PeftConfig config, DiffusersConfigs components) {
        this.components = components;
        this.data = data;
        this.claimed = claims.scale();
        this.config = config;
    }

    /** What the factors say of the layer, before scale and magnitude. */
    private record Layer(
            Algorithm algorithm, LayerKind kind, long out, long in, boolean flattened, Shape kernel, Integer rank) {
        static final Layer UNKNOWN = new Layer(null, LayerKind.UNKNOWN, 0, 0, false, NO_KERNEL, null);
    }

    AdapterModule read(String name, ModuleTensors tensors) {
        Layer layer = layer(tensors);
        Magnitude magnitude = magnitude(tensors);
        LayerKind kind = layer.kind;
        if (layer.flattened && magnitude != null && magnitude.shape().rank() >= 2) {
            kind = magnitude.shape().rank() == 2
                    ? LayerKind.LINEAR
                    : LayerKind.CONV; // dora_scale has the weight's rank
        }
        Integer rank = layer.rank;
        boolean bothFull = layer.algorithm == Algorithm.LOKR && tensors.hasAll(LOKR_W1, LOKR_W2);
        if (bothFull && config != null) {
            rank = config.rank(AdapterIndex.peftPath(name));
        }
        Scaling scaling = scaling(name, tensors, layer, bothFull);
        List<String> notes = scaling.note().isEmpty() ? List.of() : List.of(scaling.note());
        return new AdapterModule(
                name,
                layer.algorithm,
                kind,
                layer.out,
                layer.in,
                layer.flattened && kind != LayerKind.LINEAR,
                layer.kernel,
                rank,
                scaling.alpha(),
                scaling.scale(),
                magnitude,
                tensors,
                notes);
    }

    private static Layer layer(ModuleTensors t) {
        if (t.hasAll(DOWN, UP)) {
            return lora(t);
        }
        if (t.hasAll(EMBEDDING_DOWN, EMBEDDING_UP)) {
            Shape down = t.shape(EMBEDDING_DOWN);
            return new Layer(
                    Algorithm.LORA,
                    LayerKind.EMBEDDING,
                    t.shape(EMBEDDING_UP).dimOrOne(0),
                    down.dimOrOne(1),
                    false,
                    NO_KERNEL,
                    rank(down.dimOrOne(0)));
        }
        if (t.hasAll(HADA_W1_A, HADA_W1_B, HADA_W2_A, HADA_W2_B)) {
            return loha(t);
        }
        if (t.hasAny(LOKR_W1, LOKR_W1_A) && t.hasAny(LOKR_W2, LOKR_W2_A)) {
            return lokr(t);
        }
        if (t.hasAll(GLORA_A1, GLORA_A2, GLORA_B1, GLORA_B2)) {
            Shape b2 = t.shape(GLORA_B2);
            return weight(
                    Algorithm.GLORA,
                    t.shape(GLORA_B1).dimOrOne(0),
                    t.shape(GLORA_A1).dimOrOne(0),
                    b2.from(2),
                    rank(t.shape(GLORA_A2).dimOrOne(0)));
        }
        if (t.hasAll(TLORA_P, TLORA_Q)) {
            return weight(
                    Algorithm.TLORA,
                    t.shape(TLORA_P).dimOrOne(0),
                    t.shape(TLORA_Q).dimOrOne(1),
                    t.shape(TLORA_Q).from(2),
                    rank(t.shape(TLORA_Q).dimOrOne(0)));
        }
        return vectorsAndRotations(t);
    }

    private static Layer vectorsAndRotations(ModuleTensors t) {
        if (t.has(DIFF)) {
            Shape diff = t.shape(DIFF);
            return diff.rank() < 2
                    ? new Layer(Algorithm.FULL, LayerKind.NORM, diff.dimOrOne(0), 0, false, NO_KERNEL, null)
                    : weight(Algorithm.FULL, diff.dim(0), diff.dim(1), diff.from(2), null);
        }
        if (t.hasAny(W_NORM, B_NORM)) {
            long features = t.shape(t.has(W_NORM) ? W_NORM : B_NORM).dimOrOne(0);
            return new Layer(Algorithm.NORM, LayerKind.NORM, features, 0, false, NO_KERNEL, null);
        }
        if (t.has(IA3_VECTOR) || t.hasAll(WEIGHT, IA3_ON_INPUT)) {
            Shape vector = t.shape(t.has(IA3_VECTOR) ? IA3_VECTOR : WEIGHT);
            LayerKind kind = vector.rank() > 2 ? LayerKind.CONV : LayerKind.UNKNOWN;
            return new Layer(Algorithm.IA3, kind, 0, 0, false, NO_KERNEL, null);
        }
        if (t.hasAny(OFT_BLOCKS, PEFT_OFT_R, PEFT_BOFT_R)) {
            return rotation(t);
        }
        return Layer.UNKNOWN;
    }

    private static Layer lora(ModuleTensors t) {
        Shape down = t.shape(DOWN);
        Shape kernel = t.has(MID) ? t.shape(MID).from(2) : down.from(2);
        return new Layer(
                Algorithm.LORA,
                down.rank() > 2 ? LayerKind.CONV : LayerKind.LINEAR,
                t.shape(UP).dimOrOne(0),
                down.dimOrOne(1),
                false,
                kernel,
                rank(down.dimOrOne(0)));
    }

    private static Layer loha(ModuleTensors t) {
        Shape a = t.shape(HADA_W1_A);
        Shape b = t.shape(HADA_W1_B);
        if (t.has(HADA_T1)) { // a is transposed, b holds no kernel
            Shape kernel = t.shape(HADA_T1).from(2);
            return new Layer(
                    Algorithm.LOHA, LayerKind.CONV, a.dimOrOne(1), b.dimOrOne(1), false, kernel, rank(b.dimOrOne(0)));
        }
        return new Layer(
                Algorithm.LOHA, LayerKind.UNKNOWN, a.dimOrOne(0), b.dimOrOne(1), true, NO_KERNEL, rank(b.dimOrOne(0)));
    }

    private static Layer lokr(ModuleTensors t) {
        boolean fullFirst = t.has(LOKR_W1);
        Shape w1Out = t.shape(fullFirst ? LOKR_W1 : LOKR_W1_A);
        if (!fullFirst && !t.has(LOKR_W1_B) || !t.has(LOKR_W2) && !t.has(LOKR_W2_B)) {
            return Layer.UNKNOWN;
        }
        long w1In = fullFirst ? w1Out.dimOrOne(1) : t.shape(LOKR_W1_B).dimOrOne(1);
        Integer rank = fullFirst ? null : rank(t.shape(LOKR_W1_B).dimOrOne(0));
        long w2Out;
        long w2In;
        Shape kernel;
        boolean flattened = false;
        if (t.has(LOKR_W2)) {
            Shape w2 = t.shape(LOKR_W2);
            w2Out = w2.dimOrOne(0);
            w2In = w2.dimOrOne(1);
            kernel = w2.from(2);
        } else {
            Shape a = t.shape(LOKR_W2_A);
            Shape b = t.shape(LOKR_W2_B);
            boolean tucker = t.has(LOKR_T2); // a is transposed, b holds no kernel
            w2Out = a.dimOrOne(tucker ? 1 : 0);
            w2In = b.dimOrOne(1);
            kernel = tucker ? t.shape(LOKR_T2).from(2) : NO_KERNEL;
            flattened = !tucker;
            rank = rank(b.dimOrOne(0));
        }
        LayerKind kind = kernel.rank() > 0 ? LayerKind.CONV : flattened ? LayerKind.UNKNOWN : LayerKind.LINEAR;
        return new Layer(
                Algorithm.LOKR, kind, product(w1Out.dimOrOne(0), w2Out), product(w1In, w2In), flattened, kernel, rank);
    }

    private static Layer rotation(ModuleTensors t) {
        if (t.has(PEFT_OFT_R)) {
            return new Layer(Algorithm.OFT, LayerKind.UNKNOWN, 0, 0, false, NO_KERNEL, null);
        }
        if (t.has(PEFT_BOFT_R)) {
            return new Layer(Algorithm.BOFT, LayerKind.UNKNOWN, 0, 0, false, NO_KERNEL, null);
        }
        Shape blocks = t.shape(OFT_BLOCKS);
        int stages = blocks.rank() == 4 ? 1 : 0;
        Algorithm algorithm = stages == 1 ? Algorithm.BOFT : Algorithm.OFT;
        long out = product(blocks.dimOrOne(stages), blocks.dimOrOne(stages + 1));
        return new Layer(algorithm, LayerKind.UNKNOWN, out, 0, false, NO_KERNEL, null);
    }

    private static Layer weight(Algorithm algorithm, long out, long in, Shape kernel, Integer rank) {
        LayerKind kind = kernel.rank() > 0 ? LayerKind.CONV : LayerKind.LINEAR;
        return new Layer(algorithm, kind, out, in, false, kernel, rank);
    }

    private static long product(long a, long b) {
        long product = a * b;
        return a < 0 || b < 0 || Math.multiplyHigh(a, b) != 0 || product < 0 ? 0 : product;
    }

    private static Integer rank(long dim) {
        return dim < 0 || dim > Integer.MAX_VALUE ? null : (int) dim;
    }

    private static Magnitude magnitude(ModuleTensors t) {
        if (t.has(DORA_SCALE)) {
            return new Magnitude(Magnitude.Kind.DORA_SCALE, t.get(DORA_SCALE));
        }
        if (t.has(LORA_MAGNITUDE_VECTOR)) {
            return new Magnitude(Magnitude.Kind.LORA_MAGNITUDE_VECTOR, t.get(LORA_MAGNITUDE_VECTOR));
        }
        if (t.has(AI_TOOLKIT_MAGNITUDE)) {
            return new Magnitude(Magnitude.Kind.AI_TOOLKIT_MAGNITUDE, t.get(AI_TOOLKIT_MAGNITUDE));
        }
        return t.has(NVLABS_MAGNITUDE) ? new Magnitude(Magnitude.Kind.NVLABS_MAGNITUDE, t.get(NVLABS_MAGNITUDE)) : null;
    }

    private Scaling scaling(String name, ModuleTensors t, Layer layer, boolean bothFull) {
        if (layer.algorithm == null) {
            return Scaling.NONE;
        }
        OptionalDouble alpha = alpha(t);
        return switch (layer.algorithm) {
            case OFT, BOFT, TLORA -> new Scaling(alpha.isPresent() ? alpha.getAsDouble() : null, null, "");
            case LORA, LOHA, GLORA -> product(name, t, layer, alpha);
            case LOKR ->
                bothFull && config == null
                        ? new Scaling(alpha.isPresent() ? alpha.getAsDouble() : null, 1.0, "both factors full: scale 1")
                        : product(name, t, layer, alpha);
            case FULL, NORM, IA3 -> Scaling.NONE;
        };
    }

    private Scaling product(String name, ModuleTensors t, Layer layer, OptionalDouble alpha) {
        if (config != null) {
            return config.scaling(AdapterIndex.peftPath(name));
        }
        if (layer.rank == null || layer.rank == 0) {
            return Scaling.NONE;
        }
        if (alpha.isPresent()) {
            return Scaling.ofAlpha(alpha.getAsDouble(), layer.rank, "");
        }
        if (t.has(ALPHA)) {
            Scaling scaling = claimed.of(layer.rank, layer.kernel.rank() > 0 && layer.kernel.elements() > 1);
            return scaling.scale() != null ? scaling : ALPHA_NOT_READ;
        }
        Scaling scaling = components.scaling(name);
        return scaling != null ? scaling : new Scaling(null, 1.0, "no alpha: scale 1");
    }

    private OptionalDouble alpha(ModuleTensors t) {
        TensorInfo alpha = t.get(ALPHA);
        return alpha == null ? OptionalDouble.empty() : data.scalar(alpha);
    }
}

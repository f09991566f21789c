package io.doraxis.adapter;

import java.util.HashMap;
import java.util.Map;

/** A tensor's name taken apart: the module it belongs to, and what the end of the name says of its role there. */
record TensorName(String module, Suffix suffix) {
    /** Which family of suffixes a name uses. */
    enum Spelling {
        /** lora_down and lora_up, hada_*, lokr_*: LyCORIS and sd-scripts. */
        LYCORIS,
        /** lora_A and lora_B: PEFT and all that follow it. */
        PEFT,
        DIFFUSERS_LEGACY,
        XLABS,
        CLONEOFSIMO,
        /** weight, bias: no adapter's own. */
        PLAIN
    }

    /**
     * What a name's end says.
     *
     * @param text with its first dot, as in {@code .lora_down.weight}; null where this end alone does not decide, as a
     *     plain {@code .weight} may have more before it
     */
    record Suffix(String text, Role role, Spelling spelling) {
        /** Whether that name certainly has this suffix; if not, only {@link #parse} knows. */
        boolean decides(String name) {
            return text != null && name.endsWith(text);
        }
    }

    /** Suffixes of one part: {@code module.SUFFIX}. */
    private static final Map<String, Suffix> ONE_PART = new HashMap<>();

    /** Suffixes before {@code .weight}: {@code module.SUFFIX.weight}. */
    private static final Map<String, Suffix> BEFORE_WEIGHT = new HashMap<>();

    private static final Suffix UP_BIAS = new Suffix(".lora_B.bias", Role.UP_BIAS, Spelling.PEFT);
    private static final Suffix BASE_BIAS = new Suffix(".base_layer.bias", Role.BASE_BIAS, Spelling.PEFT);

    static {
        lycoris(ONE_PART, "alpha", Role.ALPHA);
        lycoris(ONE_PART, "dora_scale", Role.DORA_SCALE);
        lycoris(ONE_PART, "magnitude", Role.AI_TOOLKIT_MAGNITUDE);
        lycoris(ONE_PART, "hada_w1_a", Role.HADA_W1_A);
        lycoris(ONE_PART, "hada_w1_b", Role.HADA_W1_B);
        lycoris(ONE_PART, "hada_w2_a", Role.HADA_W2_A);
        lycoris(ONE_PART, "hada_w2_b", Role.HADA_W2_B);
        lycoris(ONE_PART, "hada_t1", Role.HADA_T1);
        lycoris(ONE_PART, "hada_t2", Role.HADA_T2);
        lycoris(ONE_PART, "lokr_w1", Role.LOKR_W1);
        lycoris(ONE_PART, "lokr_w1_a", Role.LOKR_W1_A);
        lycoris(ONE_PART, "lokr_w1_b", Role.LOKR_W1_B);
        lycoris(ONE_PART, "lokr_w2", Role.LOKR_W2);
        lycoris(ONE_PART, "lokr_w2_a", Role.LOKR_W2_A);
        lycoris(ONE_PART, "lokr_w2_b", Role.LOKR_W2_B);
        lycoris(ONE_PART, "lokr_t1", Role.LOKR_T1);
        lycoris(ONE_PART, "lokr_t2", Role.LOKR_T2);
        lycoris(ONE_PART, "diff", Role.DIFF);
        lycoris(ONE_PART, "diff_b", Role.DIFF_BIAS);
        lycoris(ONE_PART, "w_norm", Role.W_NORM);
        lycoris(ONE_PART, "b_norm", Role.B_NORM);
        lycoris(ONE_PART, "on_input", Role.IA3_ON_INPUT);
        lycoris(ONE_PART, "oft_blocks", Role.OFT_BLOCKS);
        lycoris(ONE_PART, "rescale", Role.OFT_RESCALE);
        lycoris(ONE_PART, "lambda_layer", Role.TLORA_LAMBDA);
        lycoris(ONE_PART, "scalar", Role.SCALAR);
        peft(ONE_PART, "lora_magnitude_vector", Role.LORA_MAGNITUDE_VECTOR);
        peft(ONE_PART, "lora_embedding_A", Role.EMBEDDING_DOWN);
        peft(ONE_PART, "lora_embedding_B", Role.EMBEDDING_UP);
        peft(ONE_PART, "ia3_l", Role.IA3_VECTOR);
        peft(ONE_PART, "boft_R", Role.PEFT_BOFT_R);
        peft(ONE_PART, "boft_s", Role.PEFT_BOFT_S);
        ONE_PART.put("weight", new Suffix(null, Role.WEIGHT, Spelling.PLAIN));
        ONE_PART.put("bias", new Suffix(null, Role.BIAS, Spelling.PLAIN));

        lycoris(BEFORE_WEIGHT, "lora_down", Role.DOWN);
        lycoris(BEFORE_WEIGHT, "lora_up", Role.UP);
        lycoris(BEFORE_WEIGHT, "lora_mid", Role.MID);
        lycoris(BEFORE_WEIGHT, "a1", Role.GLORA_A1);
        lycoris(BEFORE_WEIGHT, "a2", Role.GLORA_A2);
        lycoris(BEFORE_WEIGHT, "b1", Role.GLORA_B1);
        lycoris(BEFORE_WEIGHT, "b2", Role.GLORA_B2);
        lycoris(BEFORE_WEIGHT, "bm", Role.GLORA_BM);
        lycoris(BEFORE_WEIGHT, "q_layer", Role.TLORA_Q);
        lycoris(BEFORE_WEIGHT, "p_layer", Role.TLORA_P);
        lycoris(BEFORE_WEIGHT, "weight_m_wdecomp", Role.NVLABS_MAGNITUDE);
        peft(BEFORE_WEIGHT, "lora_A", Role.DOWN);
        peft(BEFORE_WEIGHT, "lora_B", Role.UP);
        peft(BEFORE_WEIGHT, "lora_magnitude_vector", Role.LORA_MAGNITUDE_VECTOR);
        peft(BEFORE_WEIGHT, "oft_R", Role.PEFT_OFT_R);
    }

    private static void lycoris(Map<String, Suffix> table, String suffix, Role role) {
        put(table, suffix, role, Spelling.LYCORIS);
    }

    private static void peft(Map<String, Suffix> table, String suffix, Role role) {
        put(table, suffix, role, Spelling.PEFT);
    }

    private static void put(Map<String, Suffix> table, String suffix, Role role, Spelling spelling) {
        String text = "." + suffix + (table == BEFORE_WEIGHT ? ".weight" : "");
        table.put(suffix, new Suffix(text, role, spelling));
    }

    /** Takes a name apart; null when it has no part that any dialect knows. */
    static TensorName parse(String name) {
        int dot = name.lastIndexOf('.');
        if (dot < 0) {
            return cloneofsimo(name);
        }
        String last = name.substring(dot + 1);
        if (last.equals("weight")) {
            TensorName beforeWeight = beforeWeight(name, dot);
            if (beforeWeight != null) {
                return beforeWeight;
            }
        } else if (last.equals("bias")) {
            if (name.regionMatches(dot - 7, ".lora_B", 0, 7)) {
                return new TensorName(name.substring(0, dot - 7), UP_BIAS);
            }
            if (name.regionMatches(dot - 11, ".base_layer", 0, 11)) {
                return new TensorName(name.substring(0, dot - 11), BASE_BIAS);
            }
        }
        Suffix suffix = ONE_PART.get(last);
        return suffix != null ? new TensorName(name.substring(0, dot), suffix) : withAdapterName(name, dot, ONE_PART);
    }

    private static TensorName beforeWeight(String name, int dot) {
        int second = name.lastIndexOf('.', dot - 1);
        if (second < 0) {
            return null;
        }
        String part = name.substring(second + 1, dot);
        Suffix suffix = BEFORE_WEIGHT.get(part);
        if (suffix != null) {
            return new TensorName(name.substring(0, second), suffix);
        }
        if (part.equals("down") || part.equals("up")) {
            return legacy(name, second, part.equals("down") ? Role.DOWN : Role.UP);
        }
        return withAdapterName(name, second, BEFORE_WEIGHT);
    }

    /** PEFT's in-memory names carry the adapter's: {@code lora_A.default.weight}. */
    private static TensorName withAdapterName(String name, int adapterDot, Map<String, Suffix> table) {
        int second = name.lastIndexOf('.', adapterDot - 1);
        if (second < 0 || !mayCarryAdapterName(name, second + 1)) {
            return null;
        }
        Suffix suffix = table.get(name.substring(second + 1, adapterDot));
        return suffix != null && suffix.spelling == Spelling.PEFT
                ? new TensorName(name.substring(0, second), suffix)
                : null;
    }

    /** Spares the look-up for the plain names of models. */
    private static boolean mayCarryAdapterName(String name, int from) {
        return name.startsWith("lora_", from)
                || name.startsWith("oft_", from)
                || name.startsWith("boft_", from)
                || name.startsWith("ia3_", from);
    }

    // m.to_q_lora.down.weight, m.to_q.lora.down.weight, m.lora_linear_layer.down.weight, m.qkv_lora1.down.weight
    private static TensorName legacy(String name, int dot, Role role) {
        for (String part : new String[] {"_lora", ".lora", ".lora_linear_layer"}) {
            if (name.regionMatches(dot - part.length(), part, 0, part.length())) {
                return new TensorName(
                        name.substring(0, dot - part.length()), new Suffix(null, role, Spelling.DIFFUSERS_LEGACY));
            }
        }
        if (name.regionMatches(dot - 6, "_lora1", 0, 6) || name.regionMatches(dot - 6, "_lora2", 0, 6)) {
            return new TensorName(name.substring(0, dot), new Suffix(null, role, Spelling.XLABS));
        }
        return null;
    }

    // unet:12:up
    private static TensorName cloneofsimo(String name) {
        int colon = name.lastIndexOf(':');
        if (colon <= 0 || !(name.startsWith("unet:") || name.startsWith("text_encoder:"))) {
            return null;
        }
        String last = name.substring(colon + 1);
        Role role = last.equals("up") ? Role.UP : last.equals("down") ? Role.DOWN : null;
        return role == null
                ? null
                : new TensorName(name.substring(0, colon), new Suffix(null, role, Spelling.CLONEOFSIMO));
    }
}

package io.doraxis.naming;

import io.doraxis.tensorfile.Shape;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * Diffusers' module names as the models' first code has them, by rules: CompVis' LDM for the Stable Diffusion UNets
 * (sd-scripts, {@code sdxl_model_util.py}), Black Forest Labs' for Flux, Wan's own. Where the original fuses layers that
 * diffusers splits, as {@code qkv}, the rows add up.
 */
final class OriginalNames {
    /** Resnets of one block of the Stable Diffusion UNets. */
    private static final int LAYERS = 2;

    private static final Map<String, String> LDM_ENDS = Map.of(
            "conv_in", "input_blocks.0.0",
            "time_embedding.linear_1", "time_embed.0",
            "time_embedding.linear_2", "time_embed.2",
            "add_embedding.linear_1", "label_emb.0.0",
            "add_embedding.linear_2", "label_emb.0.2",
            "conv_norm_out", "out.0",
            "conv_out", "out.2");

    private static final Map<String, String> LDM_RESNET = Map.of(
            "norm1", "in_layers.0",
            "conv1", "in_layers.2",
            "norm2", "out_layers.0",
            "conv2", "out_layers.3",
            "time_emb_proj", "emb_layers.1",
            "conv_shortcut", "skip_connection");

    /** Rules of renaming, tried in turn: what a name holds, and what stands there in the original. */
    private static final List<String[]> BFL = List.of(
            rule("single_transformer_blocks.", "single_blocks."),
            rule("transformer_blocks.", "double_blocks."),
            rule("double_blocks.#.attn.to_q", "double_blocks.#.img_attn.qkv"),
            rule("double_blocks.#.attn.to_k", "double_blocks.#.img_attn.qkv"),
            rule("double_blocks.#.attn.to_v", "double_blocks.#.img_attn.qkv"),
            rule("double_blocks.#.attn.add_q_proj", "double_blocks.#.txt_attn.qkv"),
            rule("double_blocks.#.attn.add_k_proj", "double_blocks.#.txt_attn.qkv"),
            rule("double_blocks.#.attn.add_v_proj", "double_blocks.#.txt_attn.qkv"),
            rule("attn.to_out.0", "img_attn.proj"),
            rule("attn.to_add_out", "txt_attn.proj"),
            rule("ff.net.0.proj", "img_mlp.0"),
            rule("ff.net.2", "img_mlp.2"),
            rule("ff_context.net.0.proj", "txt_mlp.0"),
            rule("ff_context.net.2", "txt_mlp.2"),
            rule("norm1.linear", "img_mod.lin"),
            rule("norm1_context.linear", "txt_mod.lin"),
            rule("single_blocks.#.attn.to_q", "single_blocks.#.linear1"),
            rule("single_blocks.#.attn.to_k", "single_blocks.#.linear1"),
            rule("single_blocks.#.attn.to_v", "single_blocks.#.linear1"),
            rule("single_blocks.#.proj_mlp", "single_blocks.#.linear1"),
            rule("single_blocks.#.proj_out", "single_blocks.#.linear2"),
            rule("single_blocks.#.norm.linear", "single_blocks.#.modulation.lin"),
            rule("time_text_embed.timestep_embedder.linear_1", "time_in.in_layer"),
            rule("time_text_embed.timestep_embedder.linear_2", "time_in.out_layer"),
            rule("time_text_embed.guidance_embedder.linear_1", "guidance_in.in_layer"),
            rule("time_text_embed.guidance_embedder.linear_2", "guidance_in.out_layer"),
            rule("time_text_embed.text_embedder.linear_1", "vector_in.in_layer"),
            rule("time_text_embed.text_embedder.linear_2", "vector_in.out_layer"),
            rule("x_embedder", "img_in"),
            rule("context_embedder", "txt_in"),
            rule("norm_out.linear", "final_layer.adaLN_modulation.1"),
            rule("^proj_out", "final_layer.linear"));

    private static final List<String[]> WAN = List.of(
            rule(".attn1.to_q", ".self_attn.q"),
            rule(".attn1.to_k", ".self_attn.k"),
            rule(".attn1.to_v", ".self_attn.v"),
            rule(".attn1.to_out.0", ".self_attn.o"),
            rule(".attn2.to_q", ".cross_attn.q"),
            rule(".attn2.to_k", ".cross_attn.k"),
            rule(".attn2.to_v", ".cross_attn.v"),
            rule(".attn2.to_out.0", ".cross_attn.o"),
            rule(".ffn.net.0.proj", ".ffn.0"),
            rule(".ffn.net.2", ".ffn.2"));

    private static final List<Set<String>> FUSED =
            List.of(Set.of("to_q", "add_q_proj"), Set.of("to_k", "add_k_proj"), Set.of("to_v", "add_v_proj"));

    private OriginalNames() {}

    private static String[] rule(String from, String to) {
        return new String[] {from, to};
    }

    /** The modules under their original names; empty where a family has no others. */
    static Map<String, Shape> of(ModelFamily family, Map<String, Shape> modules) {
        Map<String, Shape> renamed = new LinkedHashMap<>();
        parts(family, modules)
                .forEach((original, parts) ->
                        parts.forEach(part -> renamed.merge(original, modules.get(part), OriginalNames::stacked)));
        return renamed;
    }

    /** For each original name the modules that it stands for, in the order of its rows; mostly one. */
    static Map<String, List<String>> parts(ModelFamily family, Map<String, Shape> modules) {
        UnaryOperator<String> rename = switch (family) {
            case SD15, SD21, SDXL -> name -> ldm(name, modules);
            case FLUX1 -> name -> byRules(name, BFL);
            case WAN21_1_3B, WAN21_14B -> name -> byRules(name, WAN);
            case CLIP_L, CLIP_G, CLIP_H -> name -> "text_model." + name;
            default -> null;
        };
        if (rename == null) {
            return Map.of();
        }
        Map<String, List<String>> parts = new LinkedHashMap<>();
        for (String name : modules.keySet()) {
            parts.computeIfAbsent(rename.apply(name), key -> new ArrayList<>(1)).add(name);
        }
        parts.values().forEach(fused -> fused.sort(Comparator.comparingInt(OriginalNames::placeAmongFused)));
        return parts;
    }

    /** Queries lie above keys, values and, in Flux' single blocks, the feed-forward layer. */
    private static int placeAmongFused(String name) {
        String layer = name.substring(name.lastIndexOf('.') + 1);
        for (int place = 0; place < FUSED.size(); place++) {
            if (FUSED.get(place).contains(layer)) {
                return place;
            }
        }
        return FUSED.size();
    }

    /** Of fused layers: the inputs are the same, the outputs follow each other. */
    private static Shape stacked(Shape above, Shape below) {
        long[] dims = above.toArray();
        dims[0] += below.dim(0);
        return Shape.of(dims);
    }

    private static String byRules(String name, List<String[]> rules) {
        String renamed = name;
        for (String[] rule : rules) {
            renamed = applied(renamed, rule[0], rule[1]);
        }
        return renamed;
    }

    /** # stands for a number, ^ for the begin of the name. */
    private static String applied(String name, String from, String to) {
        if (from.startsWith("^")) {
            return name.startsWith(from.substring(1)) ? to + name.substring(from.length() - 1) : name;
        }
        int number = from.indexOf('#');
        if (number < 0) {
            int at = name.indexOf(from);
            boolean whole = at == 0 || at > 0 && (name.charAt(at - 1) == '.' || from.startsWith("."));
            return whole ? name.substring(0, at) + to + name.substring(at + from.length()) : name;
        }
        String before = from.substring(0, number);
        String after = from.substring(number + 1);
        int end = name.length() - after.length();
        if (!name.startsWith(before) || !name.endsWith(after) || end <= number) {
            return name;
        }
        String index = name.substring(number, end);
        return index.chars().allMatch(Character::isDigit) ? to.replace("#", index) : name;
    }

    /** CompVis numbers a block's resnets, attentions and samplers in one row of {@code LAYERS + 1}. */
    private static String ldm(String name, Map<String, Shape> modules) {
        if (LDM_ENDS.containsKey(name)) {
            return LDM_ENDS.get(name);
        }
        if (name.startsWith("mid_block.")) {
            String[] parts = name.split("\\.", 4);
            int place = parts[1].equals("attentions") ? 1 : 2 * Integer.parseInt(parts[2]);
            return "middle_block." + place + "." + inner(parts[1], parts[3]);
        }
        String[] parts = name.split("\\.", 5);
        boolean down = parts[0].equals("down_blocks");
        int block = Integer.parseInt(parts[1]);
        int layer = Integer.parseInt(parts[3]);
        boolean sampler = parts[2].endsWith("samplers");
        int place = block * (LAYERS + 1) + (sampler ? LAYERS : layer) + (down ? 1 : 0);
        String where = (down ? "input_blocks." : "output_blocks.") + place;
        if (sampler) {
            boolean attentions = modules.containsKey("up_blocks." + block + ".attentions.0.norm");
            return down ? where + ".0.op" : where + (attentions ? ".2.conv" : ".1.conv");
        }
        return where + (parts[2].equals("attentions") ? ".1." : ".0.") + inner(parts[2], parts[4]);
    }

    private static String inner(String kind, String layer) {
        return kind.equals("resnets") ? LDM_RESNET.get(layer) : layer;
    }
}

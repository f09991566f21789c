package io.doraxis.naming;

import io.doraxis.adapter.AdapterIndex;
import java.util.List;

/**
 * A module's name without what programs put before it: {@code lora_te1_text_model_encoder_layers_0_mlp_fc1} is {@code
 * text_model_encoder_layers_0_mlp_fc1} of a text encoder.
 *
 * @param path flattened: an underscore for each dot, since adapters' names tell them apart no more
 */
public record ModulePath(Component component, String path) {
    private record Prefix(String text, Component component) {}

    private static final Prefix NONE = new Prefix("", Component.ANY);

    /** Longer ones before those that they begin with. */
    private static final List<Prefix> PREFIXES = List.of(
            new Prefix("lora_unet_", Component.DENOISER),
            new Prefix("lora_transformer_", Component.DENOISER),
            new Prefix("lora_prior_unet_", Component.DENOISER),
            new Prefix("lora_te_", Component.TEXT_ENCODER),
            new Prefix("lora_te1_", Component.TEXT_ENCODER),
            new Prefix("lora_te2_", Component.TEXT_ENCODER_2),
            new Prefix("lora_te3_", Component.TEXT_ENCODER_3),
            new Prefix("lycoris_", Component.ANY),
            new Prefix(AdapterIndex.PEFT_PREFIX, Component.ANY),
            new Prefix("model.diffusion_model.", Component.DENOISER),
            new Prefix("diffusion_model.", Component.DENOISER),
            new Prefix("unet.", Component.DENOISER),
            new Prefix("transformer.", Component.DENOISER),
            new Prefix("text_encoder.", Component.TEXT_ENCODER),
            new Prefix("text_encoder_2.", Component.TEXT_ENCODER_2),
            new Prefix("text_encoder_3.", Component.TEXT_ENCODER_3),
            new Prefix("cond_stage_model.transformer.", Component.TEXT_ENCODER),
            new Prefix("cond_stage_model.", Component.TEXT_ENCODER),
            new Prefix("conditioner.embedders.0.transformer.", Component.TEXT_ENCODER),
            new Prefix("conditioner.embedders.0.", Component.TEXT_ENCODER),
            new Prefix("conditioner.embedders.1.", Component.TEXT_ENCODER_2),
            new Prefix("text_encoders.clip_l.transformer.", Component.TEXT_ENCODER),
            new Prefix("text_encoders.clip_g.transformer.", Component.TEXT_ENCODER_2),
            new Prefix("text_encoders.t5xxl.transformer.", Component.TEXT_ENCODER_3),
            new Prefix("clip_l.", Component.TEXT_ENCODER),
            new Prefix("clip_g.", Component.TEXT_ENCODER_2),
            new Prefix("t5xxl.", Component.TEXT_ENCODER_3),
            new Prefix("t5.", Component.TEXT_ENCODER_3));

    /** diffusers' old attention processors stand between a layer's name and its path. */
    private static final String PROCESSOR = ".processor";

    /** Takes an adapter's or a base model's module name apart. */
    public static ModulePath of(String name) {
        Prefix prefix = prefix(name);
        return new ModulePath(prefix.component, flattened(name.substring(prefix.text.length())));
    }

    /** A name without what says to which component it belongs, dots and all. */
    public static String localName(String name) {
        return name.substring(prefix(name).text.length());
    }

    private static Prefix prefix(String name) {
        for (Prefix prefix : PREFIXES) {
            if (name.startsWith(prefix.text)) {
                return prefix;
            }
        }
        return NONE;
    }

    private static String flattened(String path) {
        String layer = path.contains(PROCESSOR) ? path.replace(PROCESSOR, "") : path;
        return layer.replace('.', '_');
    }
}

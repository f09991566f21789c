package io.doraxis.merge;

import java.io.Serializable;

/**
 * How much of an adapter is merged.
 *
 * @param value 1 for the adapter as it was trained
 * @param rule what other values mean for a weight decomposition; null where it was not said
 */
public record Strength(double value, Rule rule) implements Serializable {
    /** Programs differ: with direction V = W0 + delta, magnitude m and norm n. */
    public enum Rule {
        /** V (value (m / n - 1) + 1), LyCORIS' multiplier: 0 leaves V. */
        LYCORIS,
        /** W0 + value (W' - W0): ComfyUI, InvokeAI, A1111. */
        LINEAR,
        /** The delta times the value, before the norm is taken: PEFT's scale. */
        PEFT
    }
}

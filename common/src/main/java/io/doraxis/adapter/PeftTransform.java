package io.doraxis.adapter;

/**
 * How PEFT's IA3 and OFT make a layer of their tensors, as {@code adapter_config.json} says it. Names and defaults are
 * PEFT 0.21's.
 *
 * @param feedforward {@code feedforward_modules}; null when absent
 * @param constrained {@code coft}: the parameters of a rotation are shrunk to {@code epsilon}
 * @param shared {@code block_share}: one block rotates all inputs
 * @param series {@code use_cayley_neumann}: a series in place of the inverse
 * @param terms {@code num_cayley_neumann_terms}
 * @param version {@code peft_version} of the program that wrote it; null when absent, as before 0.18
 */
public record PeftTransform(
        PeftNames feedforward,
        boolean constrained,
        double epsilon,
        boolean shared,
        boolean series,
        int terms,
        String version) {
    /** What holds where the file says nothing. */
    public static final PeftTransform DEFAULT = new PeftTransform(null, false, 6e-5, false, true, 5, null);
}

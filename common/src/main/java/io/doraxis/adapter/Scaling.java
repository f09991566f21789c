package io.doraxis.adapter;

/**
 * The factor on a module's raw product.
 *
 * @param alpha null when absent or unknown
 * @param scale null when unknown
 * @param note where it comes from; empty when from the module's own alpha
 */
record Scaling(Double alpha, Double scale, String note) {
    static final Scaling NONE = new Scaling(null, null, "");

    /** {@code alpha / rank}; LyCORIS and sd-scripts take an alpha of 0 for the rank. */
    static Scaling ofAlpha(double alpha, int rank, String note) {
        if (Double.isNaN(alpha)) {
            return new Scaling(alpha, null, "alpha is not a number");
        }
        if (alpha == 0) {
            return new Scaling(alpha, 1.0, "alpha 0 counts as the rank");
        }
        return new Scaling(alpha, alpha / rank, note);
    }
}

package io.doraxis.merge;

import io.doraxis.dora.ModuleAxis;

/**
 * How a module lies on a weight.
 *
 * @param axis of its magnitude, or of PEFT's IA3 vector; NONE without one
 * @param transposed whether the base keeps the weight as [in, out]
 */
record Orientation(ModuleAxis axis, boolean transposed) {}

package io.doraxis.dora;

/**
 * One module's axis and the fact that proves it.
 *
 * @param detail what was found where nothing is proven; empty otherwise
 */
public record ModuleVerdict(ModuleAxis axis, Evidence.Kind evidence, String detail) {
    static final ModuleVerdict NONE = new ModuleVerdict(ModuleAxis.NONE, Evidence.Kind.NONE, "");

    static ModuleVerdict of(ModuleAxis axis, Evidence.Kind evidence) {
        return new ModuleVerdict(axis, evidence, "");
    }
}

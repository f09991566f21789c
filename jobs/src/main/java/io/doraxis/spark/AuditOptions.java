package io.doraxis.spark;

import io.doraxis.audit.ValueUse;
import java.util.List;

/**
 * What an audit is asked to do.
 *
 * @param inputs roots to list; none with a manifest
 * @param manifest that names the objects in place of a listing; null without one
 * @param previous a finished run whose rows are carried over where nothing changed: its output or its record; null without one
 * @param output folder of the tables
 * @param modules whether to write the modules table too
 * @param ioConcurrency reads in flight per executor
 * @param values which magnitudes to read
 * @param atlas folder of an atlas to compare them with; null without one
 */
public record AuditOptions(
        List<String> inputs,
        String manifest,
        String previous,
        String output,
        boolean modules,
        int ioConcurrency,
        ValueUse values,
        String atlas) {
    public AuditOptions {
        inputs = List.copyOf(inputs);
    }

    /** What the objects are looked for in. */
    public List<String> sources() {
        return manifest == null ? inputs : List.of(manifest);
    }
}

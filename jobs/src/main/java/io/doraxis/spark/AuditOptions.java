package io.doraxis.spark;

import java.util.List;

/**
 * What an audit is asked to do.
 *
 * @param inputs roots to list
 * @param output folder of the tables
 * @param modules whether to write the modules table too
 * @param ioConcurrency reads in flight per executor
 */
public record AuditOptions(List<String> inputs, String output, boolean modules, int ioConcurrency) {
    public AuditOptions {
        inputs = List.copyOf(inputs);
    }
}

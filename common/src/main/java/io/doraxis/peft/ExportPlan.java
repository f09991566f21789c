package io.doraxis.peft;

import java.util.List;

/**
 * What becomes of an adapter in PEFT's layout.
 *
 * @param reason why not better; what it becomes where it is exact
 * @param adapters that are written; none where nothing can be, or the adapter's own files are copied
 * @param unmatched names of the adapter that have no place in the base
 */
public record ExportPlan(ExportOutcome outcome, String reason, List<PeftAdapter> adapters, List<String> unmatched) {
    public ExportPlan {
        adapters = List.copyOf(adapters);
        unmatched = List.copyOf(unmatched);
    }
}

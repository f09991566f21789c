package io.doraxis.peft;

import io.doraxis.dora.ModuleAxis;
import java.io.Serializable;

/**
 * What a user decides of an export.
 *
 * @param assumedAxis of magnitudes that an adapter leaves open; null to refuse them
 * @param lossy of LOW_RANK, which is the only form that is; null for all others
 */
public record ExportChoices(InputAxis inputAxis, ModuleAxis assumedAxis, ExportLayout layout, LossyLimits lossy)
        implements Serializable {
    /** Nothing that has to be asked for. */
    public static final ExportChoices DEFAULT = new ExportChoices(InputAxis.REFUSE, null);

    /** Exact forms, in PEFT's layout. */
    public ExportChoices(InputAxis inputAxis, ModuleAxis assumedAxis) {
        this(inputAxis, assumedAxis, new ExportLayout.Peft(false));
    }

    /** Exact forms. */
    public ExportChoices(InputAxis inputAxis, ModuleAxis assumedAxis, ExportLayout layout) {
        this(inputAxis, assumedAxis, layout, null);
    }
}

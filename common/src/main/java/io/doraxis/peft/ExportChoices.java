package io.doraxis.peft;

import io.doraxis.dora.ModuleAxis;
import java.io.Serializable;

/**
 * What a user decides of an export.
 *
 * @param assumedAxis of magnitudes that an adapter leaves open; null to refuse them
 */
public record ExportChoices(InputAxis inputAxis, ModuleAxis assumedAxis, ExportLayout layout) implements Serializable {
    /** Nothing that has to be asked for. */
    public static final ExportChoices DEFAULT = new ExportChoices(InputAxis.REFUSE, null);

    /** In PEFT's layout. */
    public ExportChoices(InputAxis inputAxis, ModuleAxis assumedAxis) {
        this(inputAxis, assumedAxis, new ExportLayout.Peft(false));
    }
}

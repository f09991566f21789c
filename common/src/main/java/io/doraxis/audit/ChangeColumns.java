package io.doraxis.audit;

import static io.doraxis.audit.ColumnType.Scalar.STRING;

import io.doraxis.catalog.Revision;
import java.util.List;

/** The {@code changes} table: one row per checkpoint that is not as the previous run found it. */
public final class ChangeColumns {
    /** The table's name. */
    public static final String NAME = "changes";

    /** The columns in the table's order. */
    public static final List<Column<Revision>> COLUMNS = List.of(
            new Column<>("uri", STRING, "The checkpoint's uri.", Revision::uri),
            new Column<>(
                    "change",
                    STRING,
                    "What it is compared with the previous run: NEW, CHANGED or VANISHED.",
                    revision -> revision.change().name()));

    private ChangeColumns() {}
}

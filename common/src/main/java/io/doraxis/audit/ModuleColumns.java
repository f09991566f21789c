package io.doraxis.audit;

import static io.doraxis.audit.ColumnType.Scalar.DOUBLE;
import static io.doraxis.audit.ColumnType.Scalar.INT;
import static io.doraxis.audit.ColumnType.Scalar.LONG;
import static io.doraxis.audit.ColumnType.Scalar.STRING;

import io.doraxis.adapter.AdapterModule;
import io.doraxis.audit.CheckpointAudit.AdapterContents;
import io.doraxis.audit.ColumnType.ListOf;
import io.doraxis.dora.ModuleVerdict;
import io.doraxis.tensorfile.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** The {@code modules} table: one row per adapted layer. */
public final class ModuleColumns {
    /** The table's name. */
    public static final String NAME = "modules";

    /** One adapted layer in its checkpoint. */
    public record ModuleAudit(CheckpointAudit audit, AdapterModule module, ModuleVerdict verdict) {}

    /** The columns in the table's order. */
    public static final List<Column<ModuleAudit>> COLUMNS = List.of(
            column(
                    "uri",
                    STRING,
                    "The checkpoint's uri.",
                    m -> m.audit().checkpoint().uri()),
            column("module", STRING, "Its name in the file.", m -> m.module().name()),
            column(
                    "layer_kind",
                    STRING,
                    "LINEAR, CONV, EMBEDDING, NORM or UNKNOWN.",
                    m -> m.module().layerKind().name()),
            column(
                    "in_features",
                    LONG,
                    "Columns of the weight, per group; with the kernel where layer_kind is UNKNOWN.",
                    m -> orNull(m.module().in())),
            column(
                    "out_features",
                    LONG,
                    "Rows of the weight.",
                    m -> orNull(m.module().out())),
            column(
                    "kernel",
                    new ListOf(LONG),
                    "A convolution's kernel.",
                    m -> m.module().kernel().rank() == 0
                            ? null
                            : dims(m.module().kernel())),
            column(
                    "rank",
                    INT,
                    "Rank of the product; null where it has none.",
                    m -> m.module().rank()),
            column(
                    "alpha",
                    DOUBLE,
                    "As stored; the constraint for OFT and BOFT; null when absent or not read.",
                    m -> m.module().alpha()),
            column(
                    "scale",
                    DOUBLE,
                    "The factor on the raw product; null where unknown.",
                    m -> m.module().scale()),
            column(
                    "algorithm",
                    STRING,
                    "How the delta weight is built; null when factors are missing.",
                    m -> m.module().isComplete() ? m.module().algorithm().name() : null),
            column(
                    "magnitude_key",
                    STRING,
                    "Name of the magnitude tensor.",
                    m -> m.module().hasDora() ? m.module().magnitude().tensor().name() : null),
            column(
                    "magnitude_shape",
                    new ListOf(LONG),
                    "Its shape as stored.",
                    m -> m.module().hasDora() ? dims(m.module().magnitude().shape()) : null),
            column(
                    "axis",
                    STRING,
                    "What this module alone proves: INPUT, OUTPUT, AMBIGUOUS, NONE or INVALID.",
                    m -> m.verdict().axis().name()),
            column(
                    "resolved_axis",
                    STRING,
                    "The same with the checkpoint's evidence.",
                    m -> m.audit().adapter().verdict().resolved(m.verdict()).name()),
            column(
                    "evidence",
                    STRING,
                    "The fact that proves it.",
                    m -> m.verdict().evidence().name()),
            column("detail", STRING, "What was found, or where a value comes from.", ModuleColumns::detail));

    private ModuleColumns() {}

    /** The modules of a checkpoint; none when it is no adapter. */
    public static List<ModuleAudit> modules(CheckpointAudit audit) {
        AdapterContents adapter = audit.adapter();
        if (adapter == null) {
            return List.of();
        }
        List<AdapterModule> modules = adapter.index().modules();
        List<ModuleAudit> rows = new ArrayList<>(modules.size());
        for (int i = 0; i < modules.size(); i++) {
            rows.add(new ModuleAudit(
                    audit, modules.get(i), adapter.verdict().modules().get(i)));
        }
        return rows;
    }

    private static Column<ModuleAudit> column(
            String name, ColumnType type, String description, Function<ModuleAudit, Object> value) {
        return new Column<>(name, type, description, value);
    }

    private static Long orNull(long features) {
        return features > 0 ? features : null;
    }

    static List<Long> dims(Shape shape) {
        List<Long> dims = new ArrayList<>(shape.rank());
        for (int i = 0; i < shape.rank(); i++) {
            dims.add(shape.dim(i));
        }
        return dims;
    }

    private static String detail(ModuleAudit row) {
        List<String> notes = row.module().notes();
        String verdict = row.verdict().detail();
        if (notes.isEmpty()) {
            return verdict.isEmpty() ? null : verdict;
        }
        String joined = String.join("; ", notes);
        return verdict.isEmpty() ? joined : verdict + "; " + joined;
    }
}

package io.doraxis.audit;

import static io.doraxis.audit.ColumnType.Scalar.BOOLEAN;
import static io.doraxis.audit.ColumnType.Scalar.INT;
import static io.doraxis.audit.ColumnType.Scalar.LONG;
import static io.doraxis.audit.ColumnType.Scalar.STRING;
import static io.doraxis.audit.ColumnType.Scalar.TIMESTAMP;

import io.doraxis.audit.CheckpointAudit.AdapterContents;
import io.doraxis.audit.ColumnType.Field;
import io.doraxis.audit.ColumnType.ListOf;
import io.doraxis.audit.ColumnType.MapOf;
import io.doraxis.audit.ColumnType.StructOf;
import io.doraxis.catalog.StoredObject;
import io.doraxis.naming.FamilyMatch;
import io.doraxis.peft.ExportPlanner;
import io.doraxis.peft.ExportPlanner.Possibility;
import io.doraxis.tensorfile.Finding;
import io.doraxis.tensorfile.PickleScan;
import java.io.Serializable;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;

/** The {@code checkpoints} table: one row per checkpoint, readable or not. */
public final class CheckpointColumns {
    /** The table's name. */
    public static final String NAME = "checkpoints";

    private static final StructOf EVIDENCE =
            new StructOf(List.of(new Field("kind", STRING), new Field("count", INT), new Field("detail", STRING)));
    private static final StructOf FILE = new StructOf(List.of(
            new Field("uri", STRING),
            new Field("size", LONG),
            new Field("etag", STRING),
            new Field("mtime", TIMESTAMP)));
    private static final StructOf OUTCOME =
            new StructOf(List.of(new Field("outcome", STRING), new Field("reason", STRING)));

    private static final StructOf FACTS =
            new StructOf(List.of(new Field("kinds", new ListOf(STRING)), new Field("fault", STRING)));

    private CheckpointColumns() {}

    /** Where and when a row was made: the same for a whole run. */
    public record Stamp(String rulesVersion, String toolVersion, Instant scannedAt) implements Serializable {}

    /** The columns in the table's order. */
    public static List<Column<CheckpointAudit>> of(Stamp stamp) {
        List<Column<CheckpointAudit>> columns = new ArrayList<>();
        identity(columns);
        axis(columns);
        contents(columns);
        claims(columns);
        reading(columns, stamp);
        return List.copyOf(columns);
    }

    private static void identity(List<Column<CheckpointAudit>> columns) {
        add(
                columns,
                "uri",
                STRING,
                "Its name: a PEFT directory, the index of a sharded model, else the file.",
                a -> a.checkpoint().uri());
        add(
                columns,
                "kind",
                STRING,
                "ADAPTER, MODEL, EMBEDDING, OPTIMIZER or OTHER; null when it could not be read.",
                a -> a.contents() == null ? null : a.contents().kind().name());
        add(
                columns,
                "container",
                STRING,
                "What its first bytes say it is.",
                a -> a.reading().container());
        adapter(
                columns,
                "dialect",
                STRING,
                "Whose naming its tensors follow.",
                a -> a.dialect().name());
        add(
                columns,
                "algorithm",
                STRING,
                "The algorithm of its modules, MIXED, or NONE.",
                CheckpointFigures::algorithm);
    }

    private static void axis(List<Column<CheckpointAudit>> columns) {
        add(
                columns,
                "has_dora",
                BOOLEAN,
                "Whether any module has a magnitude.",
                a -> a.contents() == null
                        ? null
                        : a.adapter() != null && a.adapter().verdict().doraModules() > 0);
        add(
                columns,
                "axis",
                STRING,
                "INPUT, OUTPUT, MIXED, AMBIGUOUS or NONE; null when it could not be read.",
                a -> a.contents() == null
                        ? null
                        : a.adapter() == null
                                ? "NONE"
                                : a.adapter().verdict().axis().name());
        adapter(
                columns,
                "axis_confidence",
                STRING,
                "PROVEN by shapes, CORROBORATED by metadata too, LIKELY by values only, UNKNOWN.",
                a -> a.verdict().confidence().name());
        adapter(
                columns,
                "evidence",
                new ListOf(EVIDENCE),
                "What the axis rests on: the kind of fact, how many modules show it, and what it speaks for.",
                a -> a.verdict().evidence().stream()
                        .map(e -> Arrays.<Object>asList(e.kind().name(), e.count(), e.detail()))
                        .toList());
        adapter(
                columns,
                "modules",
                INT,
                "Adapted layers.",
                a -> a.index().modules().size());
        adapter(
                columns,
                "dora_modules",
                INT,
                "Those with a magnitude.",
                a -> a.verdict().doraModules());
        adapter(
                columns,
                "ambiguous_modules",
                INT,
                "Those whose own shapes leave both axes open.",
                a -> a.verdict().ambiguousModules());
        adapter(
                columns,
                "contradicting_modules",
                new ListOf(STRING),
                "Of a MIXED checkpoint: modules of the rarer axis, at most 20.",
                a -> a.verdict().contradicting());
    }

    private static void contents(List<Column<CheckpointAudit>> columns) {
        adapter(columns, "rank_min", INT, "Smallest rank of its modules.", a -> CheckpointFigures.rank(a, Math::min));
        adapter(columns, "rank_max", INT, "Largest rank of its modules.", a -> CheckpointFigures.rank(a, Math::max));
        adapter(
                columns,
                "alpha_summary",
                STRING,
                "Alphas with the number of modules that have each.",
                CheckpointFigures::alphas);
        add(columns, "dtypes", new MapOf(LONG), "Tensors per dtype.", CheckpointFigures::dtypes);
        add(
                columns,
                "tensors",
                LONG,
                "Number of tensors.",
                a -> a.contents() == null
                        ? null
                        : (long) a.contents().index().tensors().size());
        add(columns, "parameters", LONG, "Elements of all tensors.", CheckpointFigures::parameters);
        add(
                columns,
                "files",
                new ListOf(FILE),
                "The objects that this row accounts for.",
                a -> Stream.concat(a.checkpoint().weights().stream(), a.checkpoint().side().stream())
                        .map(CheckpointColumns::file)
                        .toList());
        add(
                columns,
                "card",
                FILE,
                "The card of its repository, which was read too and is no part of it; null without one.",
                a -> a.checkpoint().card() == null ? null : file(a.checkpoint().card()));
        add(
                columns,
                "total_bytes",
                LONG,
                "Size of those objects.",
                a -> a.checkpoint().totalBytes());
        add(columns, "bytes_read", LONG, "Bytes read of them.", a -> a.reading().bytesRead());
        add(columns, "requests", INT, "Requests that it took.", a -> a.reading().requests());
        add(
                columns,
                "retries",
                INT,
                "Tries of those requests beyond the first.",
                a -> a.reading().retries());
    }

    private static void claims(List<Column<CheckpointAudit>> columns) {
        add(
                columns,
                "base_family",
                STRING,
                "Base model by its layers' names and shapes; several where they do not differ; null for none that is known.",
                a -> family(a, FamilyMatch::name));
        add(
                columns,
                "base_family_score",
                STRING,
                "Layers that fit it, of those that were looked at.",
                a -> family(a, FamilyMatch::score));
        adapter(
                columns,
                "base_match",
                STRING,
                "The model of the atlas whose norms the magnitudes are nearest to, with the distance and the runner-up.",
                a -> a.values() == null ? null : a.values().text());
        adapter(
                columns,
                "metadata_claims",
                new MapOf(STRING),
                "What the metadata says, where it matters here.",
                a -> a.index().claims().values());
        add(
                columns,
                "claim_conflicts",
                new ListOf(STRING),
                "Claims that contradict the shapes, which count, or claims of the file's own.",
                CheckpointColumns::claimConflicts);
        adapter(
                columns,
                "consumers",
                new MapOf(OUTCOME),
                "What each program does with the file as it is, by program and version.",
                CheckpointColumns::consumers);
        adapter(
                columns,
                "facts",
                FACTS,
                "All that rules can ask of it, by kind of module: later rules are asked without reading the file.",
                a -> Arrays.asList(a.facts().kinds(), a.facts().fault()));
        add(
                columns,
                "peft_export",
                OUTCOME,
                "How exactly PEFT's layout can hold an adapter, by its header, and what that takes or what is in the way.",
                CheckpointColumns::peftExport);
        add(
                columns,
                "license",
                STRING,
                "As the metadata says, else a side file, else the repository's card.",
                a -> a.contents() == null ? null : a.contents().license().license());
        add(
                columns,
                "pickle_globals",
                new ListOf(STRING),
                "Names that its pickles would import, at most 200; none of a safetensors file.",
                a -> a.pickles().names());
        add(
                columns,
                "pickle_verdict",
                STRING,
                "NONE where there is no pickle, ALLOWED, UNKNOWN or DENIED; null when it could not be read.",
                CheckpointColumns::pickleVerdict);
    }

    private static void reading(List<Column<CheckpointAudit>> columns, Stamp stamp) {
        add(
                columns,
                "warnings",
                new ListOf(STRING),
                "Oddities that did not stop the reading: a code and what was found.",
                a -> a.findings().stream().map(Finding::toString).toList());
        add(
                columns,
                "status",
                STRING,
                "How the reading went: OK, PARTIAL, MALFORMED, UNSUPPORTED, STORE_ERROR, CHANGED or SKIPPED.",
                a -> a.reading().status().name());
        add(
                columns,
                "error_code",
                STRING,
                "Why it is not OK: a stable code.",
                a -> a.reading().reason() == null ? null : a.reading().reason().name());
        add(
                columns,
                "error_message",
                STRING,
                "The object, the code, the byte, what was found and what was expected.",
                a -> a.reading().message());
        add(columns, "rules_version", STRING, "Version of the consumer rules.", a -> stamp.rulesVersion());
        add(columns, "tool_version", STRING, "Version of Doraxis.", a -> stamp.toolVersion());
        add(columns, "scanned_at", TIMESTAMP, "Start of the run.", a -> stamp.scannedAt());
    }

    private static void add(
            List<Column<CheckpointAudit>> columns,
            String name,
            ColumnType type,
            String description,
            Function<CheckpointAudit, Object> value) {
        columns.add(new Column<>(name, type, description, value));
    }

    /** A column that only adapters fill. */
    private static void adapter(
            List<Column<CheckpointAudit>> columns,
            String name,
            ColumnType type,
            String description,
            Function<AdapterContents, Object> value) {
        add(columns, name, type, description, audit -> audit.adapter() == null ? null : value.apply(audit.adapter()));
    }

    private static String family(CheckpointAudit audit, Function<FamilyMatch, String> value) {
        boolean known = audit.contents() != null && audit.contents().family() != null;
        return known ? value.apply(audit.contents().family()) : null;
    }

    private static Object pickleVerdict(CheckpointAudit audit) {
        PickleScan.Verdict verdict = audit.pickles().verdict();
        return audit.contents() == null && verdict == PickleScan.Verdict.NONE ? null : verdict.name();
    }

    /** Null where nothing could be read. */
    private static List<String> claimConflicts(CheckpointAudit audit) {
        if (audit.contents() == null) {
            return null;
        }
        List<String> conflicts = new ArrayList<>();
        if (audit.adapter() != null) {
            conflicts.addAll(audit.adapter().verdict().claimConflicts());
        }
        conflicts.addAll(audit.contents().claimConflicts());
        return conflicts;
    }

    private static List<Object> file(StoredObject object) {
        Instant modified =
                object.modified() == StoredObject.UNKNOWN_TIME ? null : Instant.ofEpochMilli(object.modified());
        return Arrays.asList(object.uri(), object.size(), object.etag(), modified);
    }

    private static List<Object> peftExport(CheckpointAudit audit) {
        if (audit.adapter() == null) {
            return null;
        }
        Possibility possible = ExportPlanner.possibility(
                audit.adapter().index(),
                audit.adapter().verdict(),
                audit.contents().config());
        return List.of(possible.outcome().name(), possible.reason());
    }

    private static Map<String, List<Object>> consumers(AdapterContents adapter) {
        Map<String, List<Object>> consumers = new LinkedHashMap<>();
        adapter.consumers()
                .forEach((name, prediction) ->
                        consumers.put(name, List.of(prediction.outcome().name(), prediction.reason())));
        return consumers;
    }
}

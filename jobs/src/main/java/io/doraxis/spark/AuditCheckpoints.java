package io.doraxis.spark;

import io.doraxis.audit.CheckpointAudit;
import io.doraxis.audit.CheckpointAuditor;
import io.doraxis.audit.CheckpointAuditor.ValueSource;
import io.doraxis.audit.CheckpointColumns;
import io.doraxis.audit.CheckpointColumns.Stamp;
import io.doraxis.audit.Column;
import io.doraxis.audit.ModuleColumns;
import io.doraxis.audit.ModuleColumns.ModuleAudit;
import io.doraxis.audit.ValueUse;
import io.doraxis.catalog.Checkpoint;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.dora.Atlas;
import io.doraxis.store.ChosenValues;
import io.doraxis.store.Fetcher;
import io.doraxis.store.Fetcher.Fetched;
import io.doraxis.tensorfile.Reason;
import io.doraxis.tensorfile.StoreException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.LongAccumulator;
import scala.collection.mutable.ArraySeq;

/** Reads and audits a partition of checkpoints: a row each, with its modules' rows in it when they are wanted. */
final class AuditCheckpoints implements FlatMapFunction<Iterator<Checkpoint>, Row> {
    private static final long serialVersionUID = 1;
    static final String MODULES = "module_rows";
    private static final Set<Reason> RETRIED = EnumSet.of(Reason.STORE_FAILED, Reason.SHORT_BODY, Reason.WRONG_RANGE);

    private final JobRun.Stores stores;
    private final Stamp stamp;
    private final boolean modules;
    private final int ioConcurrency;
    private final int taskAttempts;
    private final ValueUse values;
    private final Broadcast<Atlas> atlas;
    private final LongAccumulator done;
    private final LongAccumulator failed;

    /**
     * @param atlas null without one
     * @param done counts checkpoints for the progress line only; a retried task counts twice
     * @param taskAttempts how often Spark runs a task that fails
     */
    AuditCheckpoints(
            JobRun.Stores stores,
            Stamp stamp,
            AuditOptions options,
            Broadcast<Atlas> atlas,
            LongAccumulator done,
            LongAccumulator failed,
            int taskAttempts) {
        this.taskAttempts = taskAttempts;
        this.stores = stores;
        this.stamp = stamp;
        this.modules = options.modules();
        this.ioConcurrency = options.ioConcurrency();
        this.values = options.values();
        this.atlas = atlas;
        this.done = done;
        this.failed = failed;
    }

    static StructType schema(Stamp stamp, boolean modules) {
        StructType schema = Tables.schema(CheckpointColumns.of(stamp));
        return modules ? schema.add(MODULES, DataTypes.createArrayType(Tables.schema(ModuleColumns.COLUMNS))) : schema;
    }

    @Override
    public Iterator<Row> call(Iterator<Checkpoint> checkpoints) {
        Fetcher fetcher = new Fetcher(stores.open());
        CheckpointAuditor auditor =
                new CheckpointAuditor(ConsumerRules.bundled(), null, atlas == null ? null : atlas.value(), values);
        Magnitudes magnitudes = new Magnitudes(values);
        List<Column<CheckpointAudit>> columns = CheckpointColumns.of(stamp);
        Iterator<Fetched> fetched = ReadAhead.of(checkpoints, fetcher::fetch, Fetcher::bytes, ioConcurrency);
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return fetched.hasNext();
            }

            @Override
            public Row next() {
                Fetched next = fetched.next();
                ValueSource source = new ChosenValues(next.store(), magnitudes);
                CheckpointAudit audit = auditor.audit(
                                next.checkpoint(), next.weights(), next.side(), next.card(), source)
                        .withRetries(next.store().retries());
                if (isWorthAnotherTask(audit)) {
                    throw new UncheckedIOException(new StoreException(
                            audit.reading().reason(), audit.reading().message(), null));
                }
                done.add(1);
                if (audit.reading().reason() != null) {
                    failed.add(1);
                }
                Row row = Tables.row(columns, audit);
                return modules ? withModules(row, audit) : row;
            }
        };
    }

    /** Where the store failed in spite of retries another executor may reach it; on the last try of a task that is a row. */
    private boolean isWorthAnotherTask(CheckpointAudit audit) {
        Reason reason = audit.reading().reason();
        return TaskContext.get().attemptNumber() + 1 < taskAttempts
                && audit.reading().retries() > 0
                && RETRIED.contains(reason);
    }

    private static Row withModules(Row row, CheckpointAudit audit) {
        List<Object> values = new ArrayList<>(row.size() + 1);
        for (int i = 0; i < row.size(); i++) {
            values.add(row.get(i));
        }
        List<ModuleAudit> modules = ModuleColumns.modules(audit);
        Object[] rows = new Object[modules.size()];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = Tables.row(ModuleColumns.COLUMNS, modules.get(i));
        }
        values.add(ArraySeq.make(rows));
        return RowFactory.create(values.toArray());
    }
}

package io.doraxis.spark;

import io.doraxis.report.ReportRow;
import io.doraxis.report.RowChunk;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.sql.Row;

/** Makes a piece of the page of each partition, so that the driver has only to write it. */
final class ReportChunks implements FlatMapFunction<Iterator<Row>, RowChunk> {
    private static final long serialVersionUID = 1;

    private final ReportRows rows;
    private final List<String> programs;

    ReportChunks(ReportRows rows, List<String> programs) {
        this.rows = rows;
        this.programs = List.copyOf(programs);
    }

    @Override
    public Iterator<RowChunk> call(Iterator<Row> partition) {
        List<ReportRow> shown = new ArrayList<>();
        partition.forEachRemaining(row -> shown.add(rows.of(row)));
        return List.of(RowChunk.of(shown, programs)).iterator();
    }
}

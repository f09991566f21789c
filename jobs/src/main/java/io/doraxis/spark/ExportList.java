package io.doraxis.spark;

/** What lists the exports of a job. */
public sealed interface ExportList {
    /** A table, or the folder of one. */
    String uri();

    /** A plan: CSV with a header, or Parquet. */
    record Plan(String uri) implements ExportList {}

    /**
     * The checkpoints of an audit that a predicate picks.
     *
     * @param uri the audit's output
     * @param where a predicate of Spark SQL over the columns of its {@code checkpoints}
     * @param base of all of them; empty without one
     */
    record Audit(String uri, String where, String base) implements ExportList {}
}

package io.doraxis.spark;

import io.doraxis.catalog.ManifestEntry;
import io.doraxis.catalog.StoredObject;
import io.doraxis.store.NamedObjects;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.net.URI;
import java.util.Iterator;
import java.util.List;
import java.util.Spliterators;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** The objects of an audit as a manifest names them, in place of a listing; read on the executors. */
final class Manifest {
    private final SparkSession spark;
    private final String uri;
    private final ManifestRows rows;

    private Manifest(SparkSession spark, String uri, ManifestRows rows) {
        this.spark = spark;
        this.uri = uri;
        this.rows = rows;
    }

    /**
     * Opens a manifest and looks at every row.
     *
     * @throws IOException if there is none, it has other columns, or a row names no object
     */
    static Manifest open(SparkSession spark, JobRun run, String uri) throws IOException {
        Manifest manifest = new Manifest(spark, uri, ManifestRows.open(spark, run.store(), uri));
        manifest.check(run.stores());
        return manifest;
    }

    /** A row that names no object. */
    private record Fault(String path, String line, String file, String reason) implements Serializable {}

    private void check(JobRun.Stores stores) throws IOException {
        String below = rows.folder();
        JavaRDD<Fault> faults =
                rows.entries().toJavaRDD().mapPartitions(each -> faults(each, new NamedObjects(stores.open(), below)));
        List<Fault> first = faults.take(1);
        if (!first.isEmpty()) {
            throw new IOException("the manifest %s has %,d rows that cannot be used, such as %s: %s"
                    .formatted(uri, faults.count(), place(first.get(0)), first.get(0).reason));
        }
    }

    private static Iterator<Fault> faults(Iterator<Row> rows, NamedObjects objects) {
        return stream(rows)
                .flatMap(row -> {
                    try {
                        objects.uri(entry(row).path());
                        return Stream.empty();
                    } catch (IOException | IllegalArgumentException e) {
                        return Stream.of(
                                new Fault(row.getString(0), row.getString(4), row.getString(5), e.getMessage()));
                    }
                })
                .iterator();
    }

    private static Stream<Row> stream(Iterator<Row> rows) {
        return StreamSupport.stream(Spliterators.spliteratorUnknownSize(rows, 0), false);
    }

    private static ManifestEntry entry(Row row) {
        if (row.getString(6) != null) {
            throw new IllegalArgumentException("not as many fields as the first line has");
        }
        return ManifestEntry.parse(row.getString(0), row.getString(1), row.getString(2), row.getString(3));
    }

    /** Where a row stands, for a person. */
    private String place(Fault fault) {
        if (fault.line == null) {
            return "that of '" + fault.path + "'";
        }
        URI file = URI.create(fault.file);
        String authority = file.getAuthority() == null ? "" : "//" + file.getAuthority();
        String unescaped = file.getScheme() + ":" + authority + file.getPath();
        String line = fault.line;
        long before = Tables.reader(spark)
                .text(unescaped)
                .toJavaRDD()
                .zipWithIndex()
                .filter(each -> each._1
                        .getString(0)
                        .replaceFirst(ManifestRows.BYTE_ORDER_MARK, "")
                        .equals(line))
                .first()
                ._2;
        return "line %,d of %s".formatted(before + 1, unescaped);
    }

    /**
     * The objects; those of unknown size are looked up, one request for each.
     *
     * @param concurrency look-ups in flight per executor
     */
    JavaRDD<StoredObject> objects(JobRun.Stores stores, int concurrency) {
        String below = rows.folder();
        boolean direct = rows.sized();
        return rows.entries().toJavaRDD().mapPartitions(each -> {
            NamedObjects objects = new NamedObjects(stores.open(), below);
            return direct
                    ? stream(each).map(row -> object(objects, row)).iterator()
                    : ReadAhead.of(each, row -> object(objects, row), row -> 0, concurrency);
        });
    }

    private static StoredObject object(NamedObjects objects, Row row) {
        try {
            return objects.object(entry(row));
        } catch (IOException e) {
            throw new UncheckedIOException(e); // it was checked before
        }
    }
}

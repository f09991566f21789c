package io.doraxis.spark;

import io.doraxis.catalog.FolderGrouping;
import io.doraxis.catalog.StoredObject;
import io.doraxis.store.Folder;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.storage.StorageLevel;

/**
 * The listed objects, spread over the executors. Listed once and kept, so that every count speaks of the same objects;
 * grouped by a sort, so that a task holds the objects of one {@link FolderGrouping#keyOf key} at a time.
 */
final class Listing implements AutoCloseable {
    private static final StructType SCHEMA = new StructType()
            .add("key", DataTypes.StringType)
            .add("uri", DataTypes.StringType)
            .add("size", DataTypes.LongType)
            .add("etag", DataTypes.StringType)
            .add("modified", DataTypes.LongType);

    private final Dataset<Row> objects;

    private Listing(Dataset<Row> objects) {
        this.objects = objects;
    }

    /** @param tasks how many list at the most; each takes several folders where there are more */
    static Listing of(SparkSession spark, List<Folder> folders, int tasks, JobRun.Stores stores) {
        JavaRDD<Folder> shares = JavaSparkContext.fromSparkContext(spark.sparkContext())
                .parallelize(folders, Math.min(tasks, folders.size()));
        if (folders.stream().anyMatch(Folder::isWide)) {
            shares = shares.flatMap(folder -> folder.spread(stores.open())).repartition(tasks);
        }
        JavaRDD<Row> rows = shares.flatMap(folder -> new Rows(folder.objects(stores.open())));
        return new Listing(spark.createDataFrame(rows, SCHEMA).persist(StorageLevel.MEMORY_AND_DISK()));
    }

    long count() {
        return objects.count();
    }

    /** The objects as groups that may form checkpoints, in that many tasks. */
    JavaRDD<FolderGrouping> folders(int tasks) {
        return objects.repartition(tasks, functions.col("key"))
                .sortWithinPartitions("key", "uri")
                .toJavaRDD()
                .mapPartitions(Folders::new);
    }

    @Override
    public void close() {
        objects.unpersist();
    }

    private record Rows(Iterator<StoredObject> objects) implements Iterator<Row> {
        @Override
        public boolean hasNext() {
            return objects.hasNext();
        }

        @Override
        public Row next() {
            StoredObject object = objects.next();
            return RowFactory.create(
                    FolderGrouping.keyOf(object), object.uri(), object.size(), object.etag(), object.modified());
        }
    }

    /** Groups rows that are sorted by their key. */
    private static final class Folders implements Iterator<FolderGrouping> {
        private final Iterator<Row> rows;
        private Row ahead;

        Folders(Iterator<Row> rows) {
            this.rows = rows;
            step();
        }

        private void step() {
            ahead = rows.hasNext() ? rows.next() : null;
        }

        @Override
        public boolean hasNext() {
            return ahead != null;
        }

        @Override
        public FolderGrouping next() {
            String key = ahead.getString(0);
            List<StoredObject> objects = new ArrayList<>();
            while (ahead != null && ahead.getString(0).equals(key)) {
                objects.add(
                        new StoredObject(ahead.getString(1), ahead.getLong(2), ahead.getString(3), ahead.getLong(4)));
                step();
            }
            return FolderGrouping.of(objects);
        }
    }
}

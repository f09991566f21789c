package io.doraxis.spark;

import io.doraxis.catalog.EarlierCheckpoint;
import io.doraxis.catalog.FirstRead;
import io.doraxis.catalog.FolderCards;
import io.doraxis.catalog.FolderCards.Placed;
import io.doraxis.catalog.FolderGrouping;
import io.doraxis.catalog.StoredObject;
import io.doraxis.store.Folder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.TreeMap;
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
    /** Marks a row that brings an object, listed in its own row, to those of another key. */
    private static final String CARD = "card";

    /** To be read of an object at first. */
    private static final String BYTES = "bytes";

    private static final StructType SCHEMA = new StructType()
            .add("key", DataTypes.StringType)
            .add("uri", DataTypes.StringType)
            .add("size", DataTypes.LongType)
            .add("etag", DataTypes.StringType)
            .add("modified", DataTypes.LongType)
            .add(CARD, DataTypes.BooleanType)
            .add(BYTES, DataTypes.LongType);

    /** Of an object that the previous run found: its checkpoint then, and whether that one's row may stand. */
    private static final String CHECKPOINT = "checkpoint";

    private static final String SETTLED = "settled";

    /** Columns of the objects that the previous run found. */
    static final StructType EARLIER =
            SCHEMA.add(CHECKPOINT, DataTypes.StringType).add(SETTLED, DataTypes.BooleanType);

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
        return kept(spark, shares.flatMap(folder -> new Rows(folder.objects(stores.open()))));
    }

    /**
     * Objects that are known without listing, in any order; one that is there twice counts once.
     *
     * @param tasks that sort them by folder
     */
    static Listing of(SparkSession spark, JavaRDD<StoredObject> known, int tasks) {
        JavaRDD<Row> rows = known.map(object -> Rows.row(object.directory(), object, false));
        JavaRDD<Row> sorted = spark.createDataFrame(rows, SCHEMA)
                .repartition(tasks, functions.col("key"))
                .sortWithinPartitions("uri", "size", "modified", "etag")
                .toJavaRDD();
        return kept(spark, sorted.mapPartitions(each -> new Rows(new Distinct(each))));
    }

    private static Listing kept(SparkSession spark, JavaRDD<Row> rows) {
        return new Listing(spark.createDataFrame(rows, SCHEMA).persist(StorageLevel.MEMORY_AND_DISK()));
    }

    private static StoredObject object(Row row) {
        return new StoredObject(row.getString(1), row.getLong(2), row.getString(3), row.getLong(4));
    }

    /** What there is to do: objects, and the bytes to read of them at first. */
    record Size(long objects, long bytes) {}

    Size size() {
        Row sums = objects.filter(functions.not(functions.col(CARD)))
                .agg(functions.count(BYTES), functions.coalesce(functions.sum(BYTES), functions.lit(0L)))
                .first();
        return new Size(sums.getLong(0), sums.getLong(1));
    }

    /** The objects as groups that may form checkpoints, in that many tasks. */
    JavaRDD<FolderGrouping> folders(int tasks) {
        return folders(tasks, null).map(ListedFolder::grouping);
    }

    /**
     * The same, with what the previous run found.
     *
     * @param earlier in the columns of {@link #EARLIER}; null without a previous run
     */
    JavaRDD<ListedFolder> folders(int tasks, Dataset<Row> earlier) {
        Dataset<Row> now = objects.withColumn(CHECKPOINT, functions.lit(null).cast(DataTypes.StringType))
                .withColumn(SETTLED, functions.lit(null).cast(DataTypes.BooleanType));
        return (earlier == null ? now : now.unionByName(earlier))
                .repartition(tasks, functions.col("key"))
                .sortWithinPartitions("key", "uri")
                .toJavaRDD()
                .mapPartitions(Folders::new);
    }

    @Override
    public void close() {
        objects.unpersist();
    }

    /** A row for each object, and one more for each key that a card speaks for. */
    private static final class Rows implements Iterator<Row> {
        private final Iterator<StoredObject> objects;
        private final FolderCards cards = new FolderCards();
        private final Deque<Row> ready = new ArrayDeque<>();
        private boolean ended;

        Rows(Iterator<StoredObject> objects) {
            this.objects = objects;
        }

        @Override
        public boolean hasNext() {
            if (ready.isEmpty() && objects.hasNext()) {
                StoredObject object = objects.next();
                String key = FolderGrouping.keyOf(object);
                cards.next(object, key).forEach(this::add);
                ready.add(row(key, object, false));
            } else if (ready.isEmpty() && !ended) {
                ended = true;
                cards.end().forEach(this::add);
            }
            return !ready.isEmpty();
        }

        private void add(Placed placed) {
            ready.add(row(placed.key(), placed.card(), true));
        }

        private static Row row(String key, StoredObject object, boolean card) {
            return RowFactory.create(key, object.uri(), object.size(), object.etag(), object.modified(), card, (long)
                    FirstRead.of(object));
        }

        @Override
        public Row next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            return ready.remove();
        }
    }

    /** Of objects that are sorted by their URI the first of each. */
    private static final class Distinct implements Iterator<StoredObject> {
        private final Iterator<Row> rows;
        private StoredObject ahead;

        Distinct(Iterator<Row> rows) {
            this.rows = rows;
            step("");
        }

        private void step(String last) {
            ahead = null;
            while (ahead == null && rows.hasNext()) {
                StoredObject object = object(rows.next());
                ahead = object.uri().equals(last) ? null : object;
            }
        }

        @Override
        public boolean hasNext() {
            return ahead != null;
        }

        @Override
        public StoredObject next() {
            if (ahead == null) {
                throw new NoSuchElementException();
            }
            StoredObject next = ahead;
            step(next.uri());
            return next;
        }
    }

    /** Groups rows that are sorted by their key. */
    private static final class Folders implements Iterator<ListedFolder> {
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
        public ListedFolder next() {
            String key = ahead.getString(0);
            List<StoredObject> objects = new ArrayList<>();
            List<StoredObject> cards = new ArrayList<>();
            Map<String, List<Row>> earlier = new TreeMap<>();
            while (ahead != null && ahead.getString(0).equals(key)) {
                if (ahead.isNullAt(7)) {
                    (ahead.getBoolean(5) ? cards : objects).add(object(ahead));
                } else {
                    earlier.computeIfAbsent(ahead.getString(7), uri -> new ArrayList<>())
                            .add(ahead);
                }
                step();
            }
            return new ListedFolder(
                    FolderGrouping.of(objects, cards),
                    earlier.entrySet().stream()
                            .map(entry -> earlier(entry.getKey(), entry.getValue()))
                            .toList());
        }

        private static EarlierCheckpoint earlier(String uri, List<Row> rows) {
            List<StoredObject> files = new ArrayList<>();
            StoredObject card = null;
            for (Row row : rows) {
                if (row.getBoolean(5)) {
                    card = object(row);
                } else {
                    files.add(object(row));
                }
            }
            return new EarlierCheckpoint(uri, files, card, rows.get(0).getBoolean(8));
        }
    }
}

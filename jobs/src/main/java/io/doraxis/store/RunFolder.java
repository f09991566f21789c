package io.doraxis.store;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * One run's place in an output folder: {@code <table>/run_id=<id>} and, at the end, {@code runs/<id>.json}. A run
 * without that file never ended; the next run removes what it left.
 */
public final class RunFolder {
    private static final DateTimeFormatter ID =
            DateTimeFormatter.ofPattern("'r'yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);

    private static final String RUNS = "runs";
    private static final String RECORD = ".json";
    private static final String PARTITION = "run_id=";

    private final FileSystem fileSystem;
    private final Path root;
    private final String runId;
    private final List<String> unfinished = new ArrayList<>();

    private RunFolder(FileSystem fileSystem, Path root, String runId) {
        this.fileSystem = fileSystem;
        this.root = root;
        this.runId = runId;
    }

    /**
     * Makes the folder ready for a run that starts now.
     *
     * @param tables the names of all tables that runs leave there
     * @throws IOException if nothing can be written there
     */
    public static RunFolder begin(ObjectStore store, String output, Instant now, List<String> tables)
            throws IOException {
        Path root = ObjectStore.path(output);
        FileSystem fileSystem = store.fileSystem(root);
        if (fileSystem.exists(root) && fileSystem.getFileStatus(root).isFile()) {
            throw new IOException("the output is a file, not a folder: " + output);
        }
        String id = ID.format(now) + "-" + String.format(Locale.ROOT, "%04x", new SecureRandom().nextInt(1 << 16));
        RunFolder folder = new RunFolder(fileSystem, fileSystem.makeQualified(root), id);
        if (!fileSystem.mkdirs(folder.runs())) {
            throw new IOException("cannot write to the output folder " + output);
        }
        folder.removeUnfinished(tables);
        return folder;
    }

    /** The ids of the runs that ended in an output folder, the oldest first; none where there is no such folder. */
    public static List<String> ended(ObjectStore store, String output) throws IOException {
        return store.names(output + "/" + RUNS).stream()
                .filter(name -> name.endsWith(RECORD) && !name.startsWith("."))
                .map(RunFolder::id)
                .sorted()
                .toList();
    }

    /** Those of them that have a part in a table. */
    public static List<String> ended(ObjectStore store, String output, String table) throws IOException {
        List<String> parts = parts(store, output, table);
        return ended(store, output).stream().filter(parts::contains).toList();
    }

    /** The ids of all runs that have a part in a table, ended or not. */
    public static List<String> parts(ObjectStore store, String output, String table) throws IOException {
        return store.names(output + "/" + table).stream()
                .filter(name -> name.startsWith(PARTITION))
                .map(name -> name.substring(PARTITION.length()))
                .toList();
    }

    private static String id(String record) {
        return record.substring(0, record.length() - RECORD.length());
    }

    /** Where the record of a run lies in an output folder. */
    public static String record(String output, String runId) {
        return output + "/" + RUNS + "/" + runId + RECORD;
    }

    /** Where a run's part of a table lies in an output folder. */
    public static String table(String output, String table, String runId) {
        return output + "/" + table + "/" + PARTITION + runId;
    }

    private Path runs() {
        return new Path(root, RUNS);
    }

    private void removeUnfinished(List<String> tables) throws IOException {
        for (String table : tables) {
            Path folder = new Path(root, table);
            if (!fileSystem.exists(folder)) {
                continue;
            }
            for (FileStatus partition : fileSystem.listStatus(folder)) {
                String name = partition.getPath().getName();
                String id = name.substring(Math.min(name.length(), PARTITION.length()));
                if (name.startsWith(PARTITION) && !fileSystem.exists(record(id))) {
                    fileSystem.delete(partition.getPath(), true);
                    unfinished.add(id);
                }
            }
        }
    }

    /** Runs that never ended, whose rows were removed. */
    public List<String> unfinished() {
        return unfinished.stream().distinct().toList();
    }

    public String runId() {
        return runId;
    }

    /** Where this run's part of a table goes. */
    public String table(String table) {
        return table(root.toString(), table, runId);
    }

    private Path record(String id) {
        return new Path(runs(), id + RECORD);
    }

    /** Ends the run: the record appears as a whole or not at all. */
    public void complete(String record) throws IOException {
        Path temporary = new Path(runs(), "." + runId + ".tmp");
        try (OutputStream out = fileSystem.create(temporary, true)) {
            out.write(record.getBytes(StandardCharsets.UTF_8));
        }
        if (!fileSystem.rename(temporary, record(runId))) {
            throw new IOException("could not write " + record(runId));
        }
    }
}

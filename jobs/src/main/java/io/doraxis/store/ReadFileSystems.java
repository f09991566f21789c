package io.doraxis.store;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.s3a.Constants;
import org.apache.hadoop.fs.s3a.S3AFileSystem;

/**
 * The file systems of S3A by which objects are read, one beside each that Hadoop keeps to list and write. They try nothing
 * again, because {@link Retries} does.
 */
final class ReadFileSystems {
    /** After which a connection is taken for broken: Hadoop's own limit is for uploads. */
    private static final long LONGEST_SILENCE_MILLIS = 30_000;

    private static final Map<FileSystem, FileSystem> OPENED = new ConcurrentHashMap<>();

    private ReadFileSystems() {}

    /** @param fileSystem that lists and writes there */
    static FileSystem of(FileSystem fileSystem) throws IOException {
        if (!(fileSystem instanceof S3AFileSystem)) {
            return fileSystem;
        }
        try {
            return OPENED.computeIfAbsent(fileSystem, ReadFileSystems::open);
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private static FileSystem open(FileSystem fileSystem) {
        Configuration settings = new Configuration(fileSystem.getConf());
        settings.setInt(Constants.MAX_ERROR_RETRIES, 0);
        settings.setInt(Constants.RETRY_LIMIT, 0);
        settings.setInt(Constants.RETRY_THROTTLE_LIMIT, 0);
        settings.setBoolean(
                Constants.CHANGE_DETECT_REQUIRE_VERSION, false); // a store without etags has nothing to compare
        long silence =
                settings.getTimeDuration(Constants.SOCKET_TIMEOUT, LONGEST_SILENCE_MILLIS, TimeUnit.MILLISECONDS);
        settings.setTimeDuration(
                Constants.SOCKET_TIMEOUT, Math.min(silence, LONGEST_SILENCE_MILLIS), TimeUnit.MILLISECONDS);
        try {
            return FileSystem.newInstance(new Path(fileSystem.getUri()).toUri(), settings);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

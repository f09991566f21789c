package io.doraxis.store;

import java.io.IOException;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.mapreduce.JobContext;
import org.apache.hadoop.mapreduce.JobStatus;
import org.apache.hadoop.mapreduce.TaskAttemptContext;
import org.apache.hadoop.mapreduce.lib.output.PathOutputCommitter;
import org.apache.hadoop.mapreduce.lib.output.PathOutputCommitterFactory;
import org.apache.parquet.hadoop.ParquetOutputCommitter;

/**
 * Commits tables as the store that holds them does it best: files of S3 by its multipart uploads, which appear where they belong and
 * are not renamed, which is a copy there. Spark wants a committer of Parquet's type, and Hadoop's are none. {@code
 * conf/spark-defaults.conf} names it; what it does is chosen there by {@code mapreduce.outputcommitter.factory.scheme.*}, and without
 * such a setting it is Hadoop's committer by renaming.
 */
public final class ParquetStoreCommitter extends ParquetOutputCommitter {
    private final PathOutputCommitter store;

    /** As Spark calls it, for each task and for the job. */
    public ParquetStoreCommitter(Path output, TaskAttemptContext context) throws IOException {
        super(output, context);
        this.store = PathOutputCommitterFactory.createCommitter(output, context);
    }

    @Override
    public Path getWorkPath() throws IOException {
        return store.getWorkPath();
    }

    @Override
    public void setupJob(JobContext job) throws IOException {
        store.setupJob(job);
    }

    @Override
    public void commitJob(JobContext job) throws IOException {
        store.commitJob(job);
    }

    @Override
    public void abortJob(JobContext job, JobStatus.State state) throws IOException {
        store.abortJob(job, state);
    }

    @Override
    public void setupTask(TaskAttemptContext task) throws IOException {
        store.setupTask(task);
    }

    @Override
    public boolean needsTaskCommit(TaskAttemptContext task) throws IOException {
        return store.needsTaskCommit(task);
    }

    @Override
    public void commitTask(TaskAttemptContext task) throws IOException {
        store.commitTask(task);
    }

    @Override
    public void abortTask(TaskAttemptContext task) throws IOException {
        store.abortTask(task);
    }

    @Override
    public boolean isCommitJobRepeatable(JobContext job) throws IOException {
        return store.isCommitJobRepeatable(job);
    }
}

package io.doraxis.spark;

import io.doraxis.merge.Change;
import io.doraxis.merge.OutputShard;
import io.doraxis.merge.OutputTensor;
import io.doraxis.tensorfile.TensorInfo;
import java.io.Serializable;
import java.util.List;

/**
 * What became of one file of a merged model.
 *
 * @param tensors names of what it holds, for the index of a model in several files
 * @param dataBytes size of those
 * @param isNew false where it was there already, from the same input
 * @param written tensors that changed
 * @param copied tensors that did not
 * @param digest SHA-256 of the file; null where it was there already
 * @param sumOfChanges over all elements of the tensors that changed
 * @param elements of those tensors
 * @param tooLarge elements that the type cannot hold
 */
record ShardResult(
        String name,
        List<String> tensors,
        long dataBytes,
        boolean isNew,
        int written,
        int copied,
        long bytesRead,
        long bytesWritten,
        String digest,
        double maxChange,
        double sumOfChanges,
        long elements,
        long tooLarge,
        double mergeSeconds,
        double publishSeconds)
        implements Serializable {

    static ShardResult upToDate(OutputShard shard) {
        return new Tally().result(shard, 0, 0, null, 0, 0);
    }

    /** Adds up the tensors of a shard. */
    static final class Tally {
        private int written;
        private int copied;
        private Change change = Change.NONE;
        private long elements;
        private long tooLarge;

        /** @param merge null where the bytes were copied */
        void add(OutputTensor tensor, boolean touched, TensorMerge merge) {
            if (touched) {
                written++;
                elements += tensor.source().shape().elements();
            } else {
                copied++;
            }
            if (merge != null) {
                change = change.and(merge.change());
                tooLarge += merge.tooLarge();
            }
        }

        ShardResult result(
                OutputShard shard, long read, long bytes, String digest, double mergeSeconds, double publishSeconds) {
            return new ShardResult(
                    shard.name(),
                    List.copyOf(shard.tensors().stream()
                            .map(OutputTensor::source)
                            .map(TensorInfo::name)
                            .toList()),
                    shard.bytes(),
                    digest != null,
                    written,
                    copied,
                    read,
                    bytes,
                    digest,
                    change.max(),
                    change.sum(),
                    elements,
                    tooLarge,
                    mergeSeconds,
                    publishSeconds);
        }
    }
}

package io.doraxis.store;

import io.doraxis.tensorfile.TensorInfo;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.apache.hadoop.fs.FileRange;

/**
 * The ranges of a file that hold some tensors: in order and apart, as a vectored read wants them. Tensors of a torch
 * file may share a storage, or parts of it.
 */
final class TensorRanges {
    /** What an array of Java holds. */
    private static final long MOST_BYTES = Integer.MAX_VALUE - 8;

    /** Tensors that are read together: where their data begin and end, counted from the start of the file. */
    record Range(long begin, long end, List<TensorInfo> tensors) {
        FileRange toRead() {
            return FileRange.createFileRange(begin, (int) (end - begin));
        }
    }

    private TensorRanges() {}

    /**
     * Joins what overlaps, and what lies no further apart than it pays to read what is between.
     *
     * @param gap bytes between two tensors that are read rather than asked for apart
     * @param most bytes of tensors that are joined over a gap
     * @return without views, tensors without data, and those that make a range too long for an array
     */
    static List<Range> of(List<TensorInfo> tensors, long gap, long most) {
        List<TensorInfo> inOrder = tensors.stream()
                .filter(tensor -> tensor.strides() == null && tensor.bytes() > 0 && tensor.bytes() <= MOST_BYTES)
                .sorted(Comparator.comparingLong(TensorInfo::begin))
                .toList();
        List<Range> ranges = new ArrayList<>();
        for (TensorInfo tensor : inOrder) {
            Range last = ranges.isEmpty() ? null : ranges.get(ranges.size() - 1);
            long end = last == null ? tensor.end() : Math.max(last.end, tensor.end());
            boolean overlaps = last != null && tensor.begin() < last.end;
            if (overlaps && end - last.begin > MOST_BYTES) {
                continue;
            }
            if (overlaps || last != null && tensor.begin() - last.end <= gap && end - last.begin <= most) {
                last.tensors.add(tensor);
                ranges.set(ranges.size() - 1, new Range(last.begin, end, last.tensors));
            } else {
                List<TensorInfo> first = new ArrayList<>();
                first.add(tensor);
                ranges.add(new Range(tensor.begin(), tensor.end(), first));
            }
        }
        return ranges;
    }
}

package io.doraxis.tensorfile;

import java.io.Serializable;
import java.util.List;
import java.util.Map;

/**
 * What the header of a tensor file says: a valid one, every rule of the format holds.
 *
 * @param tensors in the order of their data
 * @param metadata the file's own key-value texts, without the long ones that nobody asks for
 * @param dataStart first byte of the first tensor's data, counted from the start of the file
 * @param findings what the reference accepts although its own description of the format does not
 */
public record TensorIndex(
        List<TensorInfo> tensors, Map<String, String> metadata, long dataStart, List<Finding> findings)
        implements Serializable {
    public TensorIndex {
        findings = List.copyOf(findings);
    }
}

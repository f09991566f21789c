package io.doraxis.spark;

/** Where a merge's products are computed. */
public enum DeviceChoice {
    /** On the GPU that Spark assigned to the task, by ND4J; on the CPU where it has none or there is no such backend. */
    auto,
    cpu,
    /** On the GPU that Spark assigned to the task, by ND4J, or not at all. */
    gpu
}

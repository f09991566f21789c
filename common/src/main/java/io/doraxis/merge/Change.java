package io.doraxis.merge;

import java.util.Arrays;

/**
 * How far a merge moved some elements.
 *
 * @param max of an element, the largest
 * @param sum of all elements; finite only if each of them is
 */
public record Change(double max, double sum) {
    public static final Change NONE = new Change(0, 0);

    /** Elements at a time: arrays that are walked from their first element are what the JIT makes vector loops of. */
    private static final int LANES = 1024;

    /** Steps that a lane is summed over in float32. */
    private static final int STEPS = 16;

    /** Between arrays of which {@code count} elements hold a number. */
    public static Change between(float[] before, float[] after, int count) {
        float[] from = new float[LANES];
        float[] distances = new float[LANES];
        float[] largest = new float[LANES];
        float[] sums = new float[LANES];
        double sum = 0;
        for (int done = 0, step = 1; done < count; done += LANES, step++) {
            int lanes = Math.min(LANES, count - done);
            System.arraycopy(before, done, from, 0, lanes);
            System.arraycopy(after, done, distances, 0, lanes);
            Arrays.fill(distances, lanes, LANES, 0);
            Arrays.fill(from, lanes, LANES, 0);
            addDistances(from, distances, largest, sums);
            if (step % STEPS == 0 || done + LANES >= count) {
                sum += total(sums);
                Arrays.fill(sums, 0);
            }
        }
        if (!Double.isFinite(sum)) {
            return inFloat64(before, after, count);
        }
        float max = 0;
        for (float each : largest) {
            max = Math.max(max, each);
        }
        return new Change(max, sum);
    }

    private static void addDistances(float[] from, float[] to, float[] largest, float[] sums) {
        for (int i = 0; i < LANES; i++) {
            to[i] = Math.abs(to[i] - from[i]);
        }
        for (int i = 0; i < LANES; i++) {
            largest[i] = Math.max(largest[i], to[i]);
        }
        for (int i = 0; i < LANES; i++) {
            sums[i] += to[i];
        }
    }

    private static double total(float[] sums) {
        double total = 0;
        for (float each : sums) {
            total += each;
        }
        return total;
    }

    private static Change inFloat64(float[] before, float[] after, int count) {
        double[] from = new double[count];
        double[] to = new double[count];
        for (int i = 0; i < count; i++) {
            from[i] = before[i];
            to[i] = after[i];
        }
        return between(from, to);
    }

    /** Between arrays of the same length. */
    public static Change between(double[] before, double[] after) {
        double max = 0;
        double sum = 0;
        for (int i = 0; i < after.length; i++) {
            double distance = Math.abs(after[i] - before[i]);
            max = Math.max(max, distance);
            sum += distance;
        }
        return new Change(max, sum);
    }

    /** Of both. */
    public Change and(Change other) {
        return new Change(Math.max(max, other.max), sum + other.sum);
    }
}

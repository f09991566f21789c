package io.doraxis.s3;

import java.util.SplittableRandom;

/**
 * What goes wrong on the way to a store, decided by a seed, what is asked for and how often it was asked before, and by
 * nothing else: the same seed is the same weather, in whatever order requests arrive.
 *
 * @param throttled share of requests that are answered by 503
 * @param failed share that are answered by 500
 * @param reset share whose connection ends without an answer
 * @param cut share of bodies that end before their promised length
 * @param wrongRange share of ranged reads that are answered with another range
 * @param changed share of objects that are other ones than those that were listed
 * @param latencyMillis before each answer
 * @param listingMillis before each answer to a listing, in addition
 */
public record Weather(
        long seed,
        double throttled,
        double failed,
        double reset,
        double cut,
        double wrongRange,
        double changed,
        int latencyMillis,
        int listingMillis) {
    /** What happens to one request. */
    public enum Fault {
        NONE,
        THROTTLED,
        FAILED,
        RESET,
        CUT,
        WRONG_RANGE
    }

    public static final Weather CALM = new Weather(0, 0, 0, 0, 0, 0, 0, 0, 0);

    /** Every answer takes its time, as over a network. */
    public static Weather latency(int millis) {
        return new Weather(0, 0, 0, 0, 0, 0, 0, millis, 0);
    }

    /** A bit of everything, up to 30 % of 503 among it, more or less of each by the seed. */
    public static Weather mixed(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        return new Weather(
                seed,
                random.nextDouble(0.3),
                random.nextDouble(0.05),
                random.nextDouble(0.05),
                random.nextDouble(0.05),
                random.nextDouble(0.02),
                random.nextDouble(0.02),
                0,
                random.nextInt(50));
    }

    /** @param attempt how often the same was asked before */
    Fault fault(String method, String path, String range, int attempt) {
        double left = share(method + " " + path + " " + range, attempt);
        double[] shares = {throttled, failed, reset, cut, wrongRange};
        for (int i = 0; i < shares.length; i++) {
            left -= shares[i];
            if (left < 0) {
                return Fault.values()[i + 1];
            }
        }
        return Fault.NONE;
    }

    /** Whether an object is another one than the listing told. */
    public boolean isChanged(String path) {
        return share(path, -1) < changed;
    }

    private double share(String text, int attempt) {
        long mixed = seed;
        for (int i = 0; i < text.length(); i++) {
            mixed = mixed * 0x9E3779B97F4A7C15L + text.charAt(i);
        }
        return new SplittableRandom(mixed + 0x5851F42D4C957F2DL * attempt).nextDouble();
    }
}

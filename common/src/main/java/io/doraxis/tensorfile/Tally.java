package io.doraxis.tensorfile;

import java.util.ArrayList;
import java.util.List;

/** How often something odd was met, and the first few names of where: one finding, however often it was. */
public final class Tally {
    private static final int NAMES_KEPT = 5;

    private final List<String> names = new ArrayList<>(0);
    private int count;

    public void add(String name) {
        count++;
        if (names.size() < NAMES_KEPT) {
            names.add(Printable.name(name));
        }
    }

    /**
     * Adds a finding where something was met.
     *
     * @param what it was: %d stands for how many, and the names follow
     */
    public void report(Finding.Code code, String what, List<Finding> findings) {
        if (count > 0) {
            findings.add(new Finding(code, what.formatted(count) + String.join(", ", names)));
        }
    }
}

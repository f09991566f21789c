package io.doraxis.tensorfile;

import io.doraxis.tensorfile.PickleValue.Global;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Consumer;

/**
 * The names that a file's pickles would import, and what is known of them: the list is {@code pickle-globals.txt}. A
 * name that is not on it is no proof of malice; trainers store objects of their own.
 */
public final class PickleScan implements Consumer<Global> {
    /** The worst of a file's names. Stored in the audit table: never renamed. */
    public enum Verdict {
        /** There is no pickle. */
        NONE,
        /** Names that torch 2.13 itself allows under {@code weights_only}. */
        ALLOWED,
        /** Names of neither list, or a pickle that was not read to its end. */
        UNKNOWN,
        /** Names that run commands, import code or reach the network or the disk. */
        DENIED
    }

    private static final int MAX_NAMES = 200;
    private static final int MAX_NAME = 200;
    private static final String ANY = ".*";
    private static final Map<Verdict, Set<String>> LIST = list();

    /** No longer name is on the list: one is told by its first characters, and nothing is made of the rest. */
    private static final int LONGEST_LISTED = LIST.values().stream()
            .flatMap(Set::stream)
            .mapToInt(String::length)
            .max()
            .orElseThrow();

    private final Set<String> seen = new HashSet<>();
    private final SortedSet<String> denied = new TreeSet<>();
    private final SortedSet<String> others = new TreeSet<>();
    private Verdict verdict = Verdict.NONE;
    private boolean open;

    private static Map<Verdict, Set<String>> list() {
        Map<Verdict, Set<String>> list = new EnumMap<>(Verdict.class);
        list.put(Verdict.ALLOWED, new HashSet<>());
        list.put(Verdict.DENIED, new HashSet<>());
        for (String line : ResourceLines.of(PickleScan.class, "pickle-globals.txt")) {
            String[] words = line.split(" ");
            list.get(Verdict.valueOf(words[0])).add(words[1]);
        }
        return list;
    }

    /** Notes a name that a pickle would import. */
    @Override
    public void accept(Global global) {
        String name = clipped(global);
        if (seen.contains(name)) {
            return;
        }
        if (seen.size() < MAX_NAMES) {
            seen.add(name);
        }
        Verdict found = verdict(name);
        SortedSet<String> kept = found == Verdict.DENIED ? denied : others;
        if (kept.size() < MAX_NAMES) {
            kept.add(Printable.of(name));
        }
        atLeast(found);
    }

    /** Its name, or what a column shows of a longer one. */
    private static String clipped(Global global) {
        String module = global.module();
        String name = global.name();
        if (module.length() + 1L + name.length() <= MAX_NAME) {
            return global.toString();
        }
        int ofModule = Math.min(module.length(), MAX_NAME);
        int ofName = Math.min(name.length(), MAX_NAME);
        String start = module.substring(0, ofModule) + '.' + name.substring(0, ofName);
        return start.substring(0, MAX_NAME - 3) + "...";
    }

    /** Notes that there is a pickle, of which nothing was read yet. */
    void begin() {
        open = true;
        atLeast(Verdict.ALLOWED);
    }

    /** Notes that the pickle was read to its end. */
    void end() {
        open = false;
    }

    /** Notes that no more is read: a pickle that did not come to its end may import anything. */
    void close() {
        if (open) {
            atLeast(Verdict.UNKNOWN);
        }
        open = false;
    }

    private void atLeast(Verdict other) {
        verdict = other.compareTo(verdict) > 0 ? other : verdict;
    }

    private static Verdict verdict(String name) {
        if (LIST.get(Verdict.ALLOWED).contains(name)) {
            return Verdict.ALLOWED;
        }
        Set<String> listed = LIST.get(Verdict.DENIED);
        if (listed.contains(name)) {
            return Verdict.DENIED;
        }
        int dot = name.indexOf('.');
        while (dot >= 0 && dot < LONGEST_LISTED) {
            if (listed.contains(name.substring(0, dot) + ANY)) { // of the module, or of one that holds it
                return Verdict.DENIED;
            }
            dot = name.indexOf('.', dot + 1);
        }
        return Verdict.UNKNOWN;
    }

    public Verdict verdict() {
        return verdict;
    }

    /** Those of its names that are denied, sorted; the first 200 that were met. */
    public List<String> denied() {
        return List.copyOf(denied);
    }

    /** As {@code module.name}, sorted: all that {@link #denied} has, and of the others as many as make 200. */
    public List<String> names() {
        SortedSet<String> names = new TreeSet<>(denied);
        for (String other : others) {
            if (names.size() == MAX_NAMES) {
                break;
            }
            names.add(other);
        }
        return List.copyOf(names);
    }
}

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

    private final Set<Global> seen = new HashSet<>();
    private final SortedSet<String> names = new TreeSet<>();
    private Verdict verdict = Verdict.NONE;

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
        if (seen.size() < MAX_NAMES && seen.add(global)) {
            names.add(Printable.of(global.toString(), MAX_NAME));
        }
        atLeast(verdict(global));
    }

    /** Notes that there is a pickle. */
    void begin() {
        atLeast(Verdict.ALLOWED);
    }

    /** Notes that a pickle was not read to its end. */
    void cut() {
        atLeast(Verdict.UNKNOWN);
    }

    private void atLeast(Verdict other) {
        verdict = other.compareTo(verdict) > 0 ? other : verdict;
    }

    private static Verdict verdict(Global global) {
        String name = global.toString();
        if (LIST.get(Verdict.ALLOWED).contains(name)) {
            return Verdict.ALLOWED;
        }
        Set<String> denied = LIST.get(Verdict.DENIED);
        if (denied.contains(name)) {
            return Verdict.DENIED;
        }
        for (int dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
            if (denied.contains(name.substring(0, dot) + ANY)) { // of the module, or of one that holds it
                return Verdict.DENIED;
            }
        }
        return Verdict.UNKNOWN;
    }

    public Verdict verdict() {
        return verdict;
    }

    /** Those of its names that are denied. */
    public List<String> denied() {
        return seen.stream()
                .filter(global -> verdict(global) == Verdict.DENIED)
                .map(global -> Printable.of(global.toString(), MAX_NAME))
                .sorted()
                .toList();
    }

    /** As {@code module.name}, sorted; the first 200 that were met. */
    public List<String> names() {
        return List.copyOf(names);
    }
}

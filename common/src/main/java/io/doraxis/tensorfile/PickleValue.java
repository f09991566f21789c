package io.doraxis.tensorfile;

import java.util.ArrayList;
import java.util.List;

/**
 * What a pickle describes, as data that does nothing: a name that the pickle would import stays a name, a call that it
 * would make stays a callee with its arguments. Numbers, texts, booleans and None are Java's own.
 */
sealed interface PickleValue {
    /** A name that unpickling would import. */
    record Global(String module, String name) implements PickleValue {
        @Override
        public String toString() {
            return module + "." + name;
        }
    }

    /** Bytes, whose content nothing needs. */
    record Bytes(long length) implements PickleValue {}

    /** What unpickling would ask the caller for: torch's storages. */
    record Persistent(Object id) implements PickleValue {
        @Override
        public String toString() {
            return "a persistent id"; // and not what it holds, which may be nested without end
        }
    }

    /** A tuple. */
    record Tuple(List<Object> items) implements PickleValue {
        @Override
        public String toString() {
            return "a tuple of " + items.size();
        }
    }

    /** A list, set or frozen set. */
    final class Sequence implements PickleValue {
        final List<Object> items = new ArrayList<>();
    }

    /** Anything that takes items by key: a dict, or an object that was made by a call. */
    abstract sealed class Keyed implements PickleValue {
        /** Keys and values in turn, in the order of their setting. */
        final List<Object> items = new ArrayList<>();
    }

    /** A dict. */
    final class Dict extends Keyed {}

    /** An object that a call would make; what is appended to it or set as its state is dropped. */
    final class Call extends Keyed {
        final Object callee;
        final List<Object> arguments;

        Call(Object callee, List<Object> arguments) {
            this.callee = callee;
            this.arguments = arguments;
        }
    }
}

package io.doraxis.tensorfile;

import java.security.SecureRandom;
import java.util.List;

/**
 * Finds a tensor's name again among those met before. A table of its own because {@link String#hashCode()} takes four
 * cycles for each byte, which was a third of the time of a header; this one takes eight bytes at a time. The key is
 * drawn at random, so no file can be made whose names collide.
 */
final class NameTable {
    private static final long KEY = new SecureRandom().nextLong() | 1;
    private static final long HASH = 0xffffffff_00000000L;

    /** 32 bits of the name's hash, and one more than its position in the list of tensors; 0 in a free slot. */
    private long[] slots;

    private int count;

    /** @param expected number of names; more of them only cost time */
    NameTable(int expected) {
        slots = new long[Integer.highestOneBit(Math.max(16, expected)) << 2];
    }

    /** The hash of a name by its bytes in UTF-8. */
    static long hash(byte[] bytes, int from, int to) {
        long hash = KEY ^ (to - from);
        long other = KEY;
        int at = from;
        for (; at + 16 <= to; at += 16) { // two chains of products, which a processor works on side by side
            hash = mixed(hash ^ EightBytes.at(bytes, at));
            other = mixed(other ^ EightBytes.at(bytes, at + 8));
        }
        hash = mixed(hash ^ Long.rotateLeft(other, 32));
        if (at + 8 <= to) {
            hash = mixed(hash ^ EightBytes.at(bytes, at));
        }
        if (to - from >= 8) {
            return mixed(hash ^ EightBytes.at(bytes, to - 8)); // some of them for the second time
        }
        for (; at < to; at++) {
            hash = mixed(hash ^ bytes[at]);
        }
        return hash;
    }

    /** Both halves of a 128-bit product with the key, so that every bit counts for every other. */
    private static long mixed(long word) {
        return word * KEY ^ Math.multiplyHigh(word, KEY);
    }

    /**
     * Notes that the name stands at that position from now on.
     *
     * @param tensors those met before, by their position; null for one whose name came again
     * @return its position until now, or -1 when it is new
     */
    int put(long hash, String name, int position, List<TensorInfo> tensors) {
        if (count * 2 >= slots.length) {
            grow();
        }
        long wanted = hash & HASH;
        int slot = slotOf(wanted);
        while (slots[slot] != 0) {
            int earlier = (int) slots[slot] - 1;
            if ((slots[slot] & HASH) == wanted && tensors.get(earlier).name().equals(name)) {
                slots[slot] = wanted | position + 1;
                return earlier;
            }
            slot = slot + 1 & slots.length - 1;
        }
        slots[slot] = wanted | position + 1;
        count++;
        return -1;
    }

    private int slotOf(long entry) {
        return (int) (entry >>> 32) & slots.length - 1;
    }

    private void grow() {
        long[] old = slots;
        slots = new long[old.length * 2];
        for (long entry : old) {
            if (entry != 0) {
                int slot = slotOf(entry);
                while (slots[slot] != 0) {
                    slot = slot + 1 & slots.length - 1;
                }
                slots[slot] = entry;
            }
        }
    }
}

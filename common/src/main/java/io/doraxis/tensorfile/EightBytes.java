package io.doraxis.tensorfile;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Eight bytes as one number, the first of them the lowest: the step of every loop over a header's bytes. */
final class EightBytes {
    /** A one in each byte. */
    static final long ONES = 0x0101010101010101L;

    private static final VarHandle LITTLE_ENDIAN =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private EightBytes() {}

    static long at(byte[] bytes, int position) {
        return (long) LITTLE_ENDIAN.get(bytes, position);
    }
}

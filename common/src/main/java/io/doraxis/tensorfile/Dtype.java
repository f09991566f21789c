package io.doraxis.tensorfile;

import java.util.Optional;

/**
 * The element types of safetensors 0.8.0 (the reference's {@code Dtype} enum). Names are those of the file format and
 * of the audit table, so none is ever renamed.
 */
public enum Dtype {
    F4(4),
    F6_E2M3(6),
    F6_E3M2(6),
    BOOL(8),
    U8(8),
    I8(8),
    F8_E5M2(8),
    F8_E4M3(8),
    F8_E8M0(8),
    F8_E4M3FNUZ(8),
    F8_E5M2FNUZ(8),
    I16(16),
    U16(16),
    F16(16),
    BF16(16),
    I32(32),
    U32(32),
    F32(32),
    C64(64),
    F64(64),
    I64(64),
    U64(64);

    private final int bits;

    Dtype(int bits) {
        this.bits = bits;
    }

    /** Width of one element in bits; the sub-byte types pack their elements. */
    public int bits() {
        return bits;
    }

    /** The dtype of that exact spelling; the format is case-sensitive. */
    public static Optional<Dtype> of(String name) {
        for (Dtype dtype : values()) {
            if (dtype.name().equals(name)) {
                return Optional.of(dtype);
            }
        }
        return Optional.empty();
    }
}

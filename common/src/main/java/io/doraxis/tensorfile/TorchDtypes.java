package io.doraxis.tensorfile;

import io.doraxis.tensorfile.PickleValue.Global;
import java.util.Map;

/** Torch's names of element types; null for those that safetensors has no name for, as quantised ones. */
final class TorchDtypes {
    private static final Map<String, Dtype> BY_STORAGE = Map.ofEntries(
            Map.entry("FloatStorage", Dtype.F32),
            Map.entry("HalfStorage", Dtype.F16),
            Map.entry("BFloat16Storage", Dtype.BF16),
            Map.entry("DoubleStorage", Dtype.F64),
            Map.entry("LongStorage", Dtype.I64),
            Map.entry("IntStorage", Dtype.I32),
            Map.entry("ShortStorage", Dtype.I16),
            Map.entry("CharStorage", Dtype.I8),
            Map.entry("ByteStorage", Dtype.U8),
            Map.entry("BoolStorage", Dtype.BOOL),
            Map.entry("ComplexFloatStorage", Dtype.C64));

    private static final Map<String, Dtype> BY_DTYPE = Map.ofEntries(
            Map.entry("float32", Dtype.F32),
            Map.entry("float16", Dtype.F16),
            Map.entry("bfloat16", Dtype.BF16),
            Map.entry("float64", Dtype.F64),
            Map.entry("int64", Dtype.I64),
            Map.entry("int32", Dtype.I32),
            Map.entry("int16", Dtype.I16),
            Map.entry("int8", Dtype.I8),
            Map.entry("uint64", Dtype.U64),
            Map.entry("uint32", Dtype.U32),
            Map.entry("uint16", Dtype.U16),
            Map.entry("uint8", Dtype.U8),
            Map.entry("bool", Dtype.BOOL),
            Map.entry("complex64", Dtype.C64),
            Map.entry("float8_e4m3fn", Dtype.F8_E4M3),
            Map.entry("float8_e5m2", Dtype.F8_E5M2),
            Map.entry("float8_e4m3fnuz", Dtype.F8_E4M3FNUZ),
            Map.entry("float8_e5m2fnuz", Dtype.F8_E5M2FNUZ),
            Map.entry("float8_e8m0fnu", Dtype.F8_E8M0));

    /** Bytes of an element of those storages that no dtype stands for. */
    private static final Map<String, Integer> OTHER_WIDTHS = Map.of(
            "UntypedStorage", 1,
            "_UntypedStorage", 1,
            "ComplexDoubleStorage", 16,
            "QInt8Storage", 1,
            "QUInt8Storage", 1,
            "QUInt4x2Storage", 1,
            "QUInt2x4Storage", 1,
            "QInt32Storage", 4);

    private TorchDtypes() {}

    /** {@code torch.FloatStorage}, {@code torch.cuda.HalfStorage}. */
    static Dtype ofStorage(Global type) {
        return BY_STORAGE.get(type.name());
    }

    /** Bytes of an element of a storage of that type; 0 where it is not known. */
    static int widthOfStorage(Global type) {
        Dtype dtype = ofStorage(type);
        return dtype != null ? dtype.bits() / 8 : OTHER_WIDTHS.getOrDefault(type.name(), 0);
    }

    /** {@code torch.float8_e4m3fn}. */
    static Dtype ofDtype(Global dtype) {
        return dtype.module().equals("torch") ? BY_DTYPE.get(dtype.name()) : null;
    }
}

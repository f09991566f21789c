"""Files of torch.save without torch and without their data: what they hold as storages is a hole of the file.

zip_file and legacy_file take [(name, dtype, shape)] and give ([(position, bytes)], size). The checksums of storages are 0, as
torch writes them under set_crc32_options(False); torch.load does not look at them.
"""
import collections
import io
import pickle
import struct
import sys
import types

WIDTHS = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8}
STORAGES = {"F32": "FloatStorage", "F16": "HalfStorage", "BF16": "BFloat16Storage", "I64": "LongStorage"}
MAGIC = 0x1950a86a20f9469cfc6c
ALIGNMENT = 64
BIG = 0xffffffff


def _rebuild_tensor_v2():
    """Stands for torch's own by its name."""


def _stub_torch():
    """Modules of torch's names, so that pickle writes them; nothing of torch is run."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in STORAGES.values():
        setattr(torch, name, type(name, (), {"__module__": "torch"}))
    _rebuild_tensor_v2.__module__ = "torch._utils"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    sys.modules.setdefault("torch", torch)
    sys.modules.setdefault("torch._utils", utils)
    return torch


TORCH = _stub_torch()


class Storage:
    def __init__(self, key, dtype, shape):
        self.key, self.type, self.width, self.numel = key, getattr(TORCH, STORAGES[dtype]), WIDTHS[dtype], 1
        for dim in shape:
            self.numel *= dim

    def size(self):
        return self.numel * self.width


class Tensor:
    def __init__(self, storage, shape):
        self.storage, self.shape, self.strides, step = storage, tuple(shape), [], 1
        for dim in reversed(shape):
            self.strides.insert(0, step)
            step *= dim

    def __reduce__(self):
        return _rebuild_tensor_v2, (self.storage, 0, self.shape, tuple(self.strides), False, collections.OrderedDict())


class Pickler(pickle.Pickler):
    legacy = False

    def persistent_id(self, obj):
        if not isinstance(obj, Storage):
            return None
        named = ("storage", obj.type, obj.key, "cpu", obj.numel)
        return (*named, None) if self.legacy else named


def pickled(state, legacy=False):
    out = io.BytesIO()
    pickler = Pickler(out, 2)
    pickler.legacy = legacy
    pickler.dump(state)
    return out.getvalue()


def state_dict(entries, keys):
    storages = [Storage(key, dtype, shape) for key, (_, dtype, shape) in zip(keys, entries)]
    return storages, {name: Tensor(storage, shape) for storage, (name, _, shape) in zip(storages, entries)}


def zip_file(entries, root="archive"):
    """As torch 2.13: each entry behind a padding, so that its content is aligned, with a descriptor after it."""
    storages, state = state_dict(entries, map(str, range(len(entries))))
    contents = [("data.pkl", pickled(state)), (".format_version", b"1"), (".storage_alignment", b"64"), ("byteorder", b"little")]
    contents += [("data/" + storage.key, storage.size()) for storage in storages]
    contents += [("version", b"3\n"), (".data/serialization_id", b"0" * 40)]
    pieces, directory, at = [], [], 0
    for name, content in contents:
        name, size = f"{root}/{name}".encode(), content if isinstance(content, int) else len(content)
        unpadded = at + 30 + len(name) + 4
        padding = -unpadded % ALIGNMENT
        large = size >= BIG or at >= BIG
        pieces.append((at, struct.pack("<4s5H3I2H", b"PK\x03\x04", 0, 0x808, 0, 0, 0, 0, 0, 0, len(name), 4 + padding)
                       + name + b"FB" + struct.pack("<H", padding) + b"Z" * padding))
        begin = unpadded + padding
        if not isinstance(content, int):
            pieces.append((begin, content))
        pieces.append((begin + size, struct.pack("<4sI2Q" if large else "<4s3I", b"PK\x07\x08", 0, size, size)))
        extra = struct.pack("<2H3Q", 1, 24, size, size, at) if large else b""
        directory.append(struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 0, 0, 0x808, 0, 0, 0, 0, BIG if large else size,
                                     BIG if large else size, len(name), len(extra), 0, 0, 0, 0, BIG if large else at)
                         + name + extra)
        at = begin + size + (24 if large else 16)
    tail = b"".join(directory)
    end = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 0, 45, 0, 0, len(contents), len(contents), len(tail), at)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, at + len(tail), 1)
    last = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, len(contents), len(contents), len(tail), min(at, BIG), 0)
    pieces.append((at, tail + end + locator + last))
    return pieces, at + len(tail) + len(end) + len(locator) + len(last)


def legacy_file(entries):
    """As torch wrote before 1.6: five pickles, then of each storage its number of elements and its elements."""
    storages, state = state_dict(entries, (str(94000000000000 + 64 * i) for i in range(len(entries))))
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    head = b"".join(pickle.dumps(value, 2) for value in (MAGIC, 1001, machine))
    head += pickled(state, legacy=True) + pickle.dumps(sorted(storage.key for storage in storages), 2)
    pieces, at = [(0, head)], len(head)
    for storage in sorted(storages, key=lambda storage: storage.key):
        pieces.append((at, struct.pack("<q", storage.numel)))
        at += 8 + storage.size()
    return pieces, at

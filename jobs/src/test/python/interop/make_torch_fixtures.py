#!/usr/bin/env python3
"""Files as torch writes them, with what torch says of their tensors, for the tests of `common`.

  make_torch_fixtures.py [DIR]      DIR: common/src/test/resources/torch

Needs torch 2.13.0. Deterministic but for the serialization ids that torch puts into its archives.
"""
import collections
import io
import json
import os
import pickle
import struct
import sys
import tarfile
from unittest import mock

import torch

DTYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64", torch.int64: "I64",
          torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
          torch.uint16: "U16", torch.uint32: "U32", torch.uint64: "U64", torch.complex64: "C64",
          torch.float8_e4m3fn: "F8_E4M3", torch.float8_e5m2: "F8_E5M2", torch.float8_e4m3fnuz: "F8_E4M3FNUZ",
          torch.float8_e5m2fnuz: "F8_E5M2FNUZ", torch.float8_e8m0fnu: "F8_E8M0"}


class Callback:
    """An object of the trainer's own."""

    def __init__(self):
        self.best = 0.5


class Shell:
    def __reduce__(self):
        return os.system, ("touch executed",)


def lora(seed=0, modules=3, dtype=torch.float32):
    torch.manual_seed(seed)
    state = collections.OrderedDict()
    for i in range(modules):
        name = f"lora_unet_block_{i}_to_q"
        state[name + ".lora_down.weight"] = torch.randn(4, 24).to(dtype)
        state[name + ".lora_up.weight"] = torch.randn(40, 4).to(dtype)
        state[name + ".alpha"] = torch.tensor(2.0).to(dtype)
    return state


def views():
    base = torch.arange(60, dtype=torch.float32)
    matrix = base.view(6, 10)
    return {"whole": matrix, "transposed": matrix.t(), "rows": matrix[2:4], "columns": matrix[:, 3:5],
            "every_second": base[::2], "expanded": torch.tensor([1.0, 2.0]).expand(3, 2),
            "one_row": matrix[1:2].t(), "element": matrix[3, 4], "empty": matrix[:0]}


def every_dtype():
    state = {}
    for dtype, name in DTYPES.items():
        values = torch.arange(6) % 2 if dtype == torch.bool else torch.arange(1, 7)
        state["t_" + name] = values.to(torch.float32).to(dtype) if name.startswith("F8") else values.to(dtype)
    return state


def old_dtypes():
    return {name: tensor for name, tensor in every_dtype().items()
            if name[2:] in ("F32", "F16", "F64", "I64", "I32", "I16", "I8", "U8")}


def tied():
    weight = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    return {"embed.weight": weight, "head.weight": weight, "copy.weight": weight.clone()}


def model():
    """A base model: a plain weight, a transposed one, a tied one, and what no merge changes."""
    draw = torch.Generator().manual_seed(3)
    tied = torch.randn(4, 3, generator=draw)
    return {"b.lin.weight": torch.randn(2, 3, generator=draw), "b.lin.bias": torch.randn(2, generator=draw),
            "b.turned.weight": torch.randn(5, 4, generator=draw).t(), "embed.weight": tied, "head.weight": tied,
            "b.cut.weight": torch.randn(6, 6, generator=draw)[1:4, 2:5], "norm.running_mean": torch.randn(3, generator=draw),
            "norm.num_batches_tracked": torch.tensor(7), "mask": torch.tensor([True, False, True]),
            "b.half.weight": torch.randn(2, 2, generator=draw).half()}


def adapter():
    """An adapter of that model, its factors as views."""
    draw = torch.Generator().manual_seed(8)
    return {"lycoris_b_lin.lora_down.weight": torch.randn(5, 5, generator=draw)[2:4, 1:4],
            "lycoris_b_lin.lora_up.weight": torch.randn(2, 2, generator=draw).t(), "lycoris_b_lin.alpha": torch.tensor(2.0)}


def adapter_of_views():
    """An adapter whose factors are transposed, expanded, and parts of one storage that another module has the rest of."""
    draw = torch.Generator().manual_seed(9)
    shared = torch.randn(6, 4, generator=draw)
    return {"lycoris_b_turned.lora_down.weight": torch.randn(5, 3, generator=draw).t(),
            "lycoris_b_turned.lora_up.weight": torch.randn(3, 4, generator=draw).t(),
            "lycoris_b_turned.alpha": torch.tensor(2.0),
            "lycoris_b_turned.dora_scale": torch.rand(1, 4, generator=draw).t(),
            "lycoris_b_wide.lora_down.weight": torch.randn(1, 5, generator=draw).expand(2, 5),
            "lycoris_b_wide.lora_up.weight": shared[:4, 1:3], "lycoris_b_wide.alpha": torch.tensor(2.0),
            "lycoris_b_wide.dora_scale": torch.ones(1, 1).expand(4, 1),
            "lycoris_b_rest.lora_down.weight": shared.t()[:2, 1:], "lycoris_b_rest.lora_up.weight": shared[::2, 2:],
            "lycoris_b_rest.alpha": torch.tensor(1.0), "lycoris_b_rest.dora_scale": shared[:3, :1].abs()}


def parameters():
    layer = torch.nn.Linear(4, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(12.0).view(3, 4))
        layer.bias.copy_(torch.arange(3.0))
    buffer = torch.nn.Buffer(torch.ones(2))
    return {"weight": layer.weight, "bias": layer.bias, "buffer": buffer}


def lightning():
    return {"epoch": 3, "global_step": 1200, "pytorch-lightning_version": "2.5.0", "state_dict": lora(),
            "callbacks": {"ModelCheckpoint": Callback()}, "optimizer_states": [{"state": {0: {"step": torch.tensor(3.0)}}}],
            "lr_schedulers": [], "hparams_name": "kwargs"}


def embedding():
    return {"string_to_token": {"*": 265}, "string_to_param": {"*": torch.ones(2, 8)}, "name": "style", "step": 100}


def optimizer():
    parameter = torch.nn.Parameter(torch.ones(3))
    adam = torch.optim.Adam([parameter])
    parameter.sum().backward()
    adam.step()
    return adam.state_dict()


def special():
    dense = torch.eye(3)
    return {"dense": dense, "sparse": dense.to_sparse(), "meta": torch.empty(3, device="meta"),
            "quantised": torch.quantize_per_tensor(dense, 0.1, 0, torch.qint8), "complex128": torch.ones(2).to(torch.complex128)}


def tar(value, path, little_endian=True, views=False, pax=True):
    """A file as torch before 0.1.10 wrote it, which torch 2.13 still reads; none that writes it runs here.

    views: each storage is stored as the middle of a larger one.
    """
    order = "<" if little_endian else ">"
    tensors, storages = {}, collections.OrderedDict()

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            if isinstance(obj, torch.Tensor) and type(obj) is torch.Tensor:
                return str(tensors.setdefault(id(obj), (94000000000064 + 64 * len(tensors), obj))[0])
            return None

    def number(tensor):
        storage = tensor.untyped_storage()
        return storages.setdefault(storage.data_ptr(), (1000000000064 + 64 * len(storages), storage, tensor.dtype))[0]

    object_, shapes, elements, machine = (io.BytesIO() for _ in range(4))
    Pickler(object_, 2).dump(value)
    pickle.dump({"protocol_version": 1000, "little_endian": little_endian,
                 "type_sizes": {"short": 2, "int": 4, "long": 8}}, machine, 2)
    pickle.dump(len(tensors), shapes, 2)
    for key, tensor in tensors.values():
        pickle.dump((key, number(tensor), getattr(torch, tensor.type().split(".")[1])), shapes, 2)
        shapes.write(struct.pack(order + "ii", tensor.dim(), 7))
        shapes.write(struct.pack(order + "%dq" % (2 * tensor.dim() + 1), *tensor.shape, *tensor.stride(),
                                 tensor.storage_offset()))
    pickle.dump(len(storages), elements, 2)
    parts = []
    for key, storage, dtype in storages.values():
        width, data = dtype.itemsize, bytes(storage.tolist())
        count = len(data) // width
        if views:
            parts.append((key, key + 500000, 3, count))
            key, count, data = key + 500000, count + 5, b"\x55" * 3 * width + data + b"\x55" * 2 * width
        pickle.dump((key, "cpu", getattr(torch, storage_type(dtype))), elements, 2)
        elements.write(struct.pack(order + "q", count) + data)
    pickle.dump(parts, elements, 2)
    with tarfile.open(path, "w:", format=tarfile.PAX_FORMAT) as archive:
        for name, content in (("sys_info", machine), ("pickle", object_), ("tensors", shapes), ("storages", elements)):
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content.getvalue()), 1489000000.25 if pax else 1489000000
            archive.addfile(member, io.BytesIO(content.getvalue()))


def storage_type(dtype):
    return next(name for name in dir(torch) if name.endswith("Storage")
                and getattr(getattr(torch, name), "_dtype", None) == dtype)


def big_endian(state):
    """The same tensors with their elements' bytes in the other order."""
    swapped = {name: tensor.clone() for name, tensor in state.items()}
    for tensor in swapped.values():
        tensor.untyped_storage().byteswap(tensor.dtype)
    return swapped


def write(path, name, value, options):
    if name.startswith("tar"):
        tar(value, path, **options)
    elif name.endswith("_big_endian"):
        with mock.patch("sys.byteorder", "big"):
            torch.save(big_endian(value) if name.startswith("zip") else value, path, **options)
    else:
        torch.save(value, path, **options)


def same(found, value):
    if isinstance(value, dict):
        assert list(found) == list(value)
        for key in value:
            same(found[key], value[key])
    elif isinstance(value, torch.Tensor):
        assert found.dtype == value.dtype and found.stride() == value.stride() and torch.equal(found, value)


def expected(state, prefix=""):
    """Each tensor as torch sees it; None for those that are not plain."""
    tensors = {}
    for key, value in state.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            tensors.update(expected(value, name + "."))
        elif isinstance(value, (list, tuple)):
            tensors.update(expected(dict(enumerate(value)), name + "."))
        elif isinstance(value, torch.Tensor):
            plain = value.layout == torch.strided and not value.is_quantized and value.device.type == "cpu"
            if not plain or value.dtype not in DTYPES:
                tensors[name] = None
                continue
            data = value.detach().contiguous().view(-1).view(torch.uint8) if value.numel() else torch.empty(0)
            tensors[name] = {"dtype": DTYPES[value.dtype], "shape": list(value.shape), "strides": list(value.stride()),
                             "contiguous": value.is_contiguous(), "data": bytes(data.to(torch.uint8).tolist()).hex()}
    return tensors


def main():
    target = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
        os.path.dirname(os.path.abspath(__file__)), *[".."] * 5, "common", "src", "test", "resources", "torch")
    os.makedirs(target, exist_ok=True)
    cases = {"zip": (lora(), {}), "legacy": (lora(1), {"_use_new_zipfile_serialization": False}),
             "zip_bf16": (lora(2, dtype=torch.bfloat16), {})}
    for protocol in (3, 4, 5):
        cases[f"zip_protocol{protocol}"] = (lora(protocol), {"pickle_protocol": protocol})
        cases[f"legacy_protocol{protocol}"] = (
            lora(protocol), {"pickle_protocol": protocol, "_use_new_zipfile_serialization": False})
    for form, options in (("zip", {}), ("legacy", {"_use_new_zipfile_serialization": False})):
        for make in (views, every_dtype, tied, model, adapter, adapter_of_views, parameters, embedding, optimizer, special):
            cases[f"{form}_{make.__name__}"] = (make(), options)
        cases[f"{form}_lightning"] = (lightning(), options)
        cases[f"{form}_wrapped"] = ({"model": {"module": lora(6)}, "epoch": 3}, options)
        cases[f"{form}_shell"] = ({**lora(7), "zz": Shell()}, options)
        cases[f"{form}_list"] = ([torch.ones(2), (torch.zeros(1), "text")], options)
        cases[f"{form}_nothing"] = ({"epoch": 3}, options)
    for form, options in (("zip", {}), ("legacy", {"_use_new_zipfile_serialization": False})):
        cases[f"{form}_big_endian"] = (lora(8), options)
    cases["tar"] = (lora(9), {})
    cases["tar_plain_headers"] = (lora(9), {"pax": False})
    cases["tar_of_views_of_storages"] = (lora(10), {"views": True})
    cases["tar_wrapped"] = ({"model": {"module": lora(6)}, "epoch": 3}, {})
    cases["tar_shell"] = ({**lora(7), "zz": Shell()}, {})
    for make in (views, old_dtypes, tied, embedding):
        cases[f"tar_{make.__name__}"] = (make(), {})
    described = {}
    for name, (value, options) in cases.items():
        try:
            write(os.path.join(target, name + ".pt"), name, value, options)
        except Exception as e:
            print(f"{name}: torch does not write it: {e}", file=sys.stderr)
            if os.path.exists(os.path.join(target, name + ".pt")):
                os.remove(os.path.join(target, name + ".pt"))
            continue
        if name.startswith("tar") and not name.endswith("_shell") or name.endswith("_big_endian"):
            same(torch.load(os.path.join(target, name + ".pt"), weights_only=False), value)
        state = value
        if name.endswith("_lightning"):
            state = value["state_dict"]
        elif name.endswith("_wrapped"):
            state = value["model"]["module"]
        elif isinstance(value, list):
            state = dict(enumerate(value))
        described[name] = expected(state)
    for name, dtype in (("float8_e4m3fn", torch.float8_e4m3fn), ("float8_e5m2", torch.float8_e5m2)):  # each pattern
        values = torch.arange(256, dtype=torch.uint8).view(dtype).float().tolist()
        with open(os.path.join(target, name + ".bin"), "wb") as file:
            file.write(struct.pack("<256f", *values))
    with open(os.path.join(target, "expected.json"), "w") as file:
        json.dump(described, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()

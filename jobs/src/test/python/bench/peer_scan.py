#!/usr/bin/env python3
"""What a Python user would write in place of the audit: list, read headers, parse, classify, one Parquet row per file.

  peer_scan.py --input HUB --output DIR --mode safe_open|raw-json|raw-orjson [--workers 2]

safe_open validates the header as safetensors does; the raw modes only parse it. Prints one JSON line.
Needs pyarrow, safetensors, numpy, orjson.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import resource
import struct
import time

CAP = 100_000_000


def classify(header):
    """Number of tensors, parameters, algorithm and axis: one pass over the keys."""
    algorithm, shapes, magnitudes, tensors, parameters = None, {}, [], 0, 0
    for key, value in header.items():
        if key == "__metadata__":
            continue
        tensors += 1
        shape, product = value["shape"], 1
        for dim in shape:
            product *= dim
        parameters += product
        if key.endswith(".dora_scale") or ".lora_magnitude_vector" in key:
            magnitudes.append((key, shape))
        elif "lora_down." in key or ".lora_A." in key:
            shapes.setdefault(key.split(".lora_", 1)[0], [0, 0])[1] = shape[1]
            algorithm = algorithm or ("locon" if len(shape) > 2 else "lora")
        elif "lora_up." in key or ".lora_B." in key:
            shapes.setdefault(key.split(".lora_", 1)[0], [0, 0])[0] = shape[0]
        elif ".hada_w1_a" in key:
            algorithm = "loha"
            shapes.setdefault(key.rsplit(".", 1)[0], [0, 0])[0] = shape[0]
        elif ".hada_w1_b" in key:
            shapes.setdefault(key.rsplit(".", 1)[0], [0, 0])[1] = shape[1]
        elif ".lokr_w1" in key:
            algorithm = "lokr"
    axes = set()
    for key, shape in magnitudes:
        if "magnitude" in key:
            axes.add("output")
        elif len(shape) >= 2:
            axes.add("output" if shape[1] == 1 and shape[0] != 1 else "input")
        else:
            out, inp = shapes.get(key[: -len(".dora_scale")], (0, 0))
            axes.add("ambiguous" if out == inp else "output" if shape[0] == out else "input")
    if len(axes) > 1:
        axes.discard("ambiguous")
    axis = "none" if not axes else axes.pop() if len(axes) == 1 else "mixed"
    return tensors, float(parameters), algorithm or "none", axis


def safe_open_header(path):
    from safetensors import safe_open

    header = {}
    with safe_open(path, "np") as file:
        for key in file.keys():
            tensor = file.get_slice(key)
            header[key] = {"shape": tensor.get_shape(), "dtype": tensor.get_dtype()}
        file.metadata()
    return header


def raw_header(path, loads):
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        (length,) = struct.unpack("<Q", file.read(8))
        if length > CAP or length + 8 > size:
            raise ValueError("header length")
        header = loads(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("not an object")
    return header


def reader(mode):
    if mode == "safe_open":
        return safe_open_header
    if mode == "raw-orjson":
        import orjson

        return lambda path: raw_header(path, orjson.loads)
    return lambda path: raw_header(path, json.loads)


def scan(batch):
    mode, paths = batch
    read, rows = reader(mode), []
    for path in paths:
        try:
            rows.append((path, os.path.getsize(path), *classify(read(path)), ""))
        except Exception as error:
            rows.append((path, os.path.getsize(path), 0, 0.0, "error", "none", f"{type(error).__name__}: {error}"[:100]))
    return rows


def walk(root):
    for folder, _, names in os.walk(root):
        for name in names:
            if name.endswith(".safetensors"):
                yield os.path.join(folder, name)


def write(rows, output):
    import pyarrow
    import pyarrow.parquet

    names = ["path", "size", "tensors", "parameters", "algorithm", "axis", "error"]
    os.makedirs(output, exist_ok=True)
    table = pyarrow.table({name: list(column) for name, column in zip(names, zip(*rows))})
    pyarrow.parquet.write_table(table, os.path.join(output, "audit.parquet"), compression="zstd")


def cpu():
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--mode", required=True, choices=("safe_open", "raw-json", "raw-orjson"))
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    start = time.perf_counter()
    paths = list(walk(args.input))
    with concurrent.futures.ProcessPoolExecutor(args.workers) as pool:
        batches = [(args.mode, paths[i : i + 64]) for i in range(0, len(paths), 64)]
        rows = [row for batch in pool.map(scan, batches) for row in batch]
    write(rows, args.output)
    axes = collections.Counter(row[5] for row in rows)
    print(json.dumps({"mode": args.mode, "files": len(rows), "cpu_s": round(cpu(), 2),
                      "seconds": round(time.perf_counter() - start, 2), "axes": axes}))


if __name__ == "__main__":
    main()

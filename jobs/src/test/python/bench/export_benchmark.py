#!/usr/bin/env python3
"""Bulk exports in one job and a Python peer that renames, on the same adapters in the same run; then killed and resumed.

  export_benchmark.py [--work DIR] [--files 5000] [--few 500] [--rounds 3] [--cores 2] [--launcher deploy/bin/doraxis]

The adapters have sd-scripts' names and the attention layers of SD1.5's UNet, 12 to 96 of them, rank 4 to 16, fp16 or
fp32: LoRA, DoRA on the output axis, LoHa and LoKr, as LyCORIS makes the factors. The peer reads a file with
safetensors' load_file, renames its keys by the base's, and writes it with save_file and its adapter_config.json; one process,
and two. Every process is pinned to as many cores as --cores says (the peer's one to one). Both start from a warm page cache and sync nothing. Start-up (Java
and Spark, or Python's imports) stands apart: that of Doraxis is what a job of --few files takes beyond its share. The last
round is killed by SIGKILL midway and run again; every adapter must then be one row and one directory, and nothing else be
left. Needs torch, safetensors, numpy, pyarrow.
"""
import argparse
import csv
import json
import math
import os
import random
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import time
import typing
from pathlib import Path

PREFIX = "base_model.model."
WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
SIZES = {"F16": 2, "F32": 4}
KEYS = {"lora_down.weight": "lora_A.weight", "lora_up.weight": "lora_B.weight", "dora_scale": "lora_magnitude_vector"}


# --------------------------------------------------------------------------------------------------------- adapters
def layers():
    """(path, out, in) of the attention layers of SD1.5's UNet, as diffusers calls them."""
    places = [(f"down_blocks.{block}.attentions.{i}", width) for block, width in enumerate((320, 640, 1280)) for i in range(2)]
    places += [("mid_block.attentions.0", 1280)]
    places += [(f"up_blocks.{block}.attentions.{i}", width) for block, width in ((1, 1280), (2, 640), (3, 320)) for i in range(3)]
    found = []
    for place, width in places:
        path = f"{place}.transformer_blocks.0"
        for attention, context in (("attn1", width), ("attn2", 768)):
            found += [(f"{path}.{attention}.{name}", width, context if name in ("to_k", "to_v") else width)
                      for name in ("to_q", "to_k", "to_v", "to_out.0")]
    return found


def factorization(dimension):
    """LyCORIS' and PEFT's split of a dimension without a limit: the two factors nearest to each other."""
    small = next(m for m in range(math.isqrt(dimension), 0, -1) if dimension % m == 0)
    return small, dimension // small


def factors(algorithm, out, inputs, rank):
    """Keys and shapes of one module."""
    if algorithm == "loha":
        return [(f"hada_w{i}_{side}", shape) for i in (1, 2) for side, shape in (("a", [out, rank]), ("b", [rank, inputs]))]
    if algorithm == "lokr":
        (left, rows), (right, columns) = factorization(out), factorization(inputs)
        small = rank < max(rows, columns) / 2
        second = [("lokr_w2_a", [rows, rank]), ("lokr_w2_b", [rank, columns])] if small else [("lokr_w2", [rows, columns])]
        return [("lokr_w1", [left, right]), *second]
    dora = [("dora_scale", [out, 1])] if algorithm == "dora" else []
    return [("lora_down.weight", [rank, inputs]), ("lora_up.weight", [out, rank]), *dora]


def write(path, tensors, metadata, first, pool, at):
    """A safetensors file of (name, dtype, shape): some bytes that come first, all else cut from a pool of normal numbers."""
    header, offset = {"__metadata__": metadata}, 0
    for name, dtype, shape in tensors:
        size = SIZES[dtype] * math.prod(shape)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + first)
        offset -= len(first)
        while offset > 0:
            piece = pool[at : at + offset]
            file.write(piece)
            offset, at = offset - len(piece), 0
    return path.stat().st_size


def make(args):
    """The base's header, the adapters, and the plan; seeded."""
    import numpy

    numbers = 0.02 * numpy.random.default_rng(7).standard_normal(1 << 23, dtype=numpy.float32)
    pools = {"F16": numbers.astype(numpy.float16).tobytes(), "F32": numbers.tobytes()}
    every = layers()
    tensors = [(f"{path}.weight", "F16", [out, inputs]) for path, out, inputs in every]
    write(args.base, tensors, {"format": "pt"}, b"", pools["F16"], 0)
    total = 0
    for i in range(args.files):
        choice = random.Random(7_000_003 + i)
        algorithm = choice.choices(("lora", "dora", "loha", "lokr"), (45, 35, 10, 10))[0]
        rank, dtype = choice.choice((4, 4, 8, 8, 16)), choice.choices(("F16", "F32"), (90, 10))[0]
        first, count = choice.randrange(len(every)), min(choice.randint(12, 96), choice.randint(12, 96))
        chosen = [every[(first + step) % len(every)] for step in range(count)]
        alphas, tensors = [], []
        for path, out, inputs in chosen:
            name = "lora_unet_" + path.replace(".", "_")
            alphas.append((f"{name}.alpha", dtype, []))
            tensors += [(f"{name}.{key}", dtype, shape) for key, shape in factors(algorithm, out, inputs, rank)]
        alpha = numpy.full(count, rank * choice.choice((0.5, 1)), numpy.float16 if dtype == "F16" else numpy.float32).tobytes()
        folder = args.adapters / f"org{i % 97:02d}" / f"repo-{i:05d}"
        folder.mkdir(parents=True)
        metadata = {"ss_network_dim": str(rank), "ss_network_module": "lycoris.kohya", "ss_base_model_version": "sd_v1"}
        total += write(folder / f"style_{i}.safetensors", alphas + tensors, metadata, alpha, pools[dtype],
                       4 * choice.randrange(1 << 20))
    (args.adapters / "bytes").write_text(str(total))


# ------------------------------------------------------------------------------------------------------------- peer
def paths(base):
    """Flattened names of the base's layers, and their paths."""
    with open(base, "rb") as file:
        names = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    return {name.removesuffix(".weight").replace(".", "_"): name.removesuffix(".weight") for name in names}


def rename(source, target, places):
    from safetensors.torch import load_file, save_file

    renamed, alphas, ranks = {}, {}, {}
    for key, tensor in load_file(source).items():
        module, _, kind = key.removeprefix("lora_unet_").partition(".")
        path = places[module]
        if kind == "alpha":
            alphas[path] = tensor.item()
            continue
        if kind in ("lora_down.weight", "hada_w1_b", "lokr_w2_b"):
            ranks[path] = tensor.shape[0]
        renamed[f"{PREFIX}{path}.{KEYS.get(kind, kind)}"] = tensor.reshape(-1) if kind == "dora_scale" else tensor
    os.makedirs(target)
    save_file(renamed, f"{target}/{WEIGHTS}", metadata={"format": "pt"})
    kind = "LOHA" if "hada_w1_a" in key or ".hada_" in key else "LOKR" if ".lokr_" in key else "LORA"
    config = {"peft_type": kind, "target_modules": sorted(ranks), "rank_pattern": ranks, "alpha_pattern": alphas,
              "use_dora": any(name.endswith("vector") for name in renamed)}
    with open(f"{target}/{CONFIG}", "w") as file:
        json.dump(config, file)


def rename_share(plan, base, part, parts):
    places = paths(base)
    for adapter, _, output in plan[part::parts]:
        rename(adapter, output, places)


def peer(args):
    """In a process of its own: one line with the seconds, after its imports."""
    import multiprocessing

    import torch

    torch.set_num_threads(1)
    plan = rows(args.peer_plan)
    rename_share(plan[:1], args.base, 0, 1)  # what is imported late
    shutil.rmtree(plan[0][2])
    before, start = os.times(), time.perf_counter()
    if args.peer == 1:
        rename_share(plan, args.base, 0, 1)
    else:
        workers = [multiprocessing.Process(target=rename_share, args=(plan, args.base, part, args.peer))
                   for part in range(args.peer)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert all(worker.exitcode == 0 for worker in workers)
    print(json.dumps({"seconds": time.perf_counter() - start, "cpu": sum(os.times()[:4]) - sum(before[:4])}))


# ---------------------------------------------------------------------------------------------------------- running
class Took(typing.NamedTuple):
    """Seconds on the clock and of all cores."""

    wall: float
    cpu: float


def rows(plan):
    with open(plan, newline="") as file:
        return list(csv.reader(file))[1:]


def plan(args, name, files):
    """A plan of so many of the adapters, into an empty folder."""
    folder = args.work / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    adapters = [args.adapters / f"org{i % 97:02d}" / f"repo-{i:05d}" / f"style_{i}.safetensors" for i in range(files)]
    with open(folder / "plan.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("adapter", "base", "output"))
        writer.writerows((adapter, args.base, folder / "out" / f"{i:05d}") for i, adapter in enumerate(adapters))
    return folder


def command(args, folder):
    return [args.launcher, "export", "--plan", folder / "plan.csv", "--output", folder, "--master", f"local[{args.cores}]"]


def pinned(cores, call):
    return ["taskset", "-c", ",".join(str(core) for core in range(cores)), *map(str, call)]


def doraxis(args, folder):
    options = f"-XX:ActiveProcessorCount={args.cores} {os.environ.get('DORAXIS_JAVA_OPTS', '')}"
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(pinned(args.cores, command(args, folder)), capture_output=True, text=True,
                          env={**os.environ, "DORAXIS_JAVA_OPTS": options})
    wall, after = time.perf_counter() - start, os.times()
    if done.returncode:
        raise SystemExit(f"ended with {done.returncode}: {done.stdout} {done.stderr}")
    return Took(wall, sum(after[2:4]) - sum(before[2:4]))


def peers(args, folder, processes):
    call = [sys.executable, os.path.abspath(__file__), "--work", args.work, "--peer", processes, "--peer-plan",
            folder / "plan.csv"]
    done = subprocess.run(pinned(processes, call), capture_output=True, text=True, check=True)
    return Took(*json.loads(done.stdout).values())


def accounted(args, folder):
    """The rows of the last run by status; everything that is there must be theirs."""
    import pyarrow.parquet

    runs = sorted(path.stem for path in (folder / "runs").glob("*.json"))
    table = pyarrow.parquet.read_table(folder / "exports" / f"run_id={runs[-1]}", columns=["adapter", "output", "status"])
    wanted = rows(folder / "plan.csv")
    assert sorted(table["adapter"].to_pylist()) == sorted(row[0] for row in wanted), "not one row for each adapter"
    assert sorted(table["output"].to_pylist()) == sorted(row[2] for row in wanted), "not one output for each row"
    files = sorted(str(path.relative_to(folder / "out")) for path in (folder / "out").rglob("*") if path.is_file())
    each = sorted(f"{Path(row[2]).name}/{name}" for row in wanted for name in (CONFIG, WEIGHTS, "README.md"))
    assert files == each, f"{len(files)} files, wanted {len(each)}: {sorted(set(files) ^ set(each))[:5]}"
    statuses = table["status"].to_pylist()
    return {status: statuses.count(status) for status in sorted(set(statuses))}


def same(one, other, files):
    """Every tensor of the peer's is in the other's file, byte for byte."""
    from safetensors.numpy import load_file

    for i in range(0, files, max(1, files // 200)):
        ours, theirs = (load_file(folder / "out" / f"{i:05d}" / WEIGHTS) for folder in (one, other))
        assert ours.keys() == theirs.keys(), i
        assert all(ours[key].tobytes() == theirs[key].tobytes() for key in ours), i


def resumed(args):
    """Kills a job when it has written a good part, runs it again, and says what the second run found."""
    folder = plan(args, "killed", args.files)
    job = subprocess.Popen(list(map(str, command(args, folder))), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           start_new_session=True)
    while sum(1 for _ in (folder / "out").glob(f"*/{WEIGHTS}")) < args.files * 2 // 5:
        if job.poll() is not None:
            raise SystemExit("the job ended before it was killed")
        time.sleep(0.05)
    os.killpg(job.pid, signal.SIGKILL)
    job.wait()
    there = sum(1 for _ in (folder / "out").glob(f"*/{WEIGHTS}"))
    temporary = sum(1 for _ in (folder / "out").rglob(".*.tmp"))
    took = doraxis(args, folder)
    print(f"killed with {there} of {args.files} written and {temporary} temporary files; the same command again: {took.wall:.1f} s, "
          f"{accounted(args, folder)}, {args.files} directories of three files, nothing else")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("benchmark-work"))
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--few", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--launcher", default="deploy/bin/doraxis")
    parser.add_argument("--peer", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--peer-plan", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.work = args.work.absolute()
    args.base = args.work / "sd15-unet.safetensors"
    args.adapters = args.work / f"adapters-{args.files}"
    if args.peer:
        return peer(args)
    args.work.mkdir(parents=True, exist_ok=True)
    if not (args.adapters / "bytes").exists():
        shutil.rmtree(args.adapters, ignore_errors=True)
        make(args)
    subprocess.run([args.launcher, "--version"], check=True, stdout=subprocess.DEVNULL)  # builds, should it have to
    size = int((args.adapters / "bytes").read_text()) / 1e6
    measured = {name: [] for name in ("doraxis, all", "doraxis, without start-up", "peer, 1 process", "peer, 2 processes")}
    for round_ in range(args.rounds):
        few = doraxis(args, plan(args, "few", args.few))
        ours = plan(args, "ours", args.files)
        took = doraxis(args, ours)
        assert accounted(args, ours) == {"DONE": args.files}
        measured["doraxis, all"].append(took)
        share = args.files / (args.files - args.few)
        measured["doraxis, without start-up"].append(Took(*(share * (all_ - own) for all_, own in zip(took, few))))
        for processes in (1, 2):
            theirs = plan(args, "peer", args.files)
            measured[f"peer, {processes} process{'es' if processes > 1 else ''}"].append(peers(args, theirs, processes))
        if round_ == 0:
            same(ours, theirs, args.files)
        print(f"round {round_ + 1}: " + ", ".join(f"{name} {each[-1].wall:.1f} s ({each[-1].cpu:.1f} CPU s)"
              for name, each in measured.items()) + f"; of {args.few} files {few.wall:.1f} s", file=sys.stderr)
    one = statistics.median(took.wall for took in measured["peer, 1 process"])
    print(f"{args.files} adapters, {size:.0f} MB, {args.cores} cores, {args.rounds} rounds: the median [range]")
    print(f"{'':26} {'s':>20} {'files/s':>8} {'MB/s':>7} {'of the peer':>12} {'CPU ms/file':>12}")
    for name, each in measured.items():
        seconds = [took.wall for took in each]
        middle = statistics.median(seconds)
        cpu = 1000 * statistics.median(took.cpu for took in each) / args.files
        print(f"{name:26} {f'{middle:.1f} [{min(seconds):.1f}-{max(seconds):.1f}]':>20} {args.files / middle:8.0f} "
              f"{size / middle:7.0f} {one / middle:12.2f} {cpu:12.2f}")
    resumed(args)


if __name__ == "__main__":
    main()
